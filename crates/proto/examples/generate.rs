//! Writes `crates/proto/src/generated` anew from the `.proto` files: `just proto`.

#[path = "../codegen.rs"]
mod codegen;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    codegen::generate(&codegen::generated())
}
