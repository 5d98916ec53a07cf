//! Makes `src/generated` from the `.proto` files, without protoc. Shared by the example that writes it and the test
//! that compares it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_reflect::{DescriptorPool, FieldDescriptor};
use prost_types::FileDescriptorSet;

type AnyError = Box<dyn std::error::Error>;

/// Where the `.proto` files are.
fn proto_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto")
}

/// Where the generated code is checked in.
pub(crate) fn generated() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated")
}

/// Every `.proto` file below the root, as paths relative to it, in order.
fn proto_files() -> Result<Vec<PathBuf>, AnyError> {
    let root = proto_root();
    let (mut found, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                found.push(path.strip_prefix(&root)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Generates everything into `out`.
pub(crate) fn generate(out: &Path) -> Result<(), AnyError> {
    std::fs::create_dir_all(out)?;
    let mut compiler = protox::Compiler::new([proto_root()])?;
    compiler.include_imports(true).include_source_info(true).open_files(proto_files()?)?;
    let set = FileDescriptorSet::decode(compiler.encode_file_descriptor_set().as_slice())?;

    let redacted = redacted_messages(&compiler.descriptor_pool());
    let paths: Vec<String> = redacted.iter().map(|message| format!(".{}", message.name)).collect();
    tonic_prost_build::configure()
        .out_dir(out)
        .emit_rerun_if_changed(false)
        .skip_debug(paths)
        .compile_fds(set.clone())?;
    std::fs::write(out.join("redacted.rs"), redacted_debug(&redacted)?)?;

    // Reflection needs no comments; leaving them out halves the size.
    let mut bare = set;
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    std::fs::write(out.join("descriptor.bin"), bare.encode_to_vec())?;
    Ok(())
}

/// A message with at least one field marked `debug_redact`.
struct RedactedMessage {
    /// Full name, without a leading dot.
    name: String,
    /// Its fields, and whether each is redacted.
    fields: Vec<(String, bool)>,
}

fn redacted_messages(pool: &DescriptorPool) -> Vec<RedactedMessage> {
    let is_redacted = |field: &FieldDescriptor| {
        let options = field.options();
        options
            .get_field_by_name("debug_redact")
            .is_some_and(|value| value.as_ref() == &prost_reflect::Value::Bool(true))
    };
    pool.all_messages()
        .filter(|message| message.fields().any(|field| is_redacted(&field)))
        .map(|message| RedactedMessage {
            name: message.full_name().to_owned(),
            fields: message.fields().map(|field| (field.name().to_owned(), is_redacted(&field))).collect(),
        })
        .collect()
}

/// `Debug` that shows every field but the redacted ones.
fn redacted_debug(messages: &[RedactedMessage]) -> Result<String, AnyError> {
    let mut out =
        String::from("// This file is generated: `Debug` without the fields marked `debug_redact`.\n");
    for message in messages {
        let path = message.name.replace('.', "::").replace("::type::", "::r#type::");
        let name = message.name.rsplit('.').next().unwrap_or_default();
        writeln!(out, "impl ::core::fmt::Debug for {path} {{")?;
        writeln!(out, "    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{")?;
        writeln!(out, "        let mut out = f.debug_struct({name:?});")?;
        for (field, redacted) in &message.fields {
            if *redacted {
                writeln!(out, "        out.field({field:?}, &\"[redacted]\");")?;
            } else {
                writeln!(out, "        out.field({field:?}, &self.{field});")?;
            }
        }
        writeln!(out, "        out.finish()\n    }}\n}}")?;
    }
    Ok(out)
}
