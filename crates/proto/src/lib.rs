//! The protocol: code generated from `/proto` (checked in; a test regenerates and compares), the descriptor set for
//! reflection, and the conversions of resource names and operations.

pub mod convert;
pub mod names;
#[cfg(test)]
mod tests;

/// Generated code, in modules that follow the packages.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::disallowed_methods,
    reason = "generated"
)]
mod generated {
    pub mod countersign {
        pub mod r#type {
            pub mod v1 {
                include!("generated/countersign.r#type.v1.rs");
            }
        }
        pub mod policy {
            pub mod v1 {
                include!("generated/countersign.policy.v1.rs");
            }
        }
        pub mod mfa_devices {
            pub mod v1 {
                include!("generated/countersign.mfa_devices.v1.rs");
            }
        }
        pub mod token_issuer {
            pub mod v1 {
                include!("generated/countersign.token_issuer.v1.rs");
            }
        }
        pub mod waas_gateway {
            pub mod v1 {
                include!("generated/countersign.waas_gateway.v1.rs");
            }
        }
        pub mod mpc_signer {
            pub mod v1 {
                include!("generated/countersign.mpc_signer.v1.rs");
            }
        }
    }
    include!("generated/redacted.rs");
}

pub use generated::countersign::mfa_devices::v1 as mfa_devices;
pub use generated::countersign::mpc_signer::v1 as mpc_signer;
pub use generated::countersign::policy::v1 as policy;
pub use generated::countersign::token_issuer::v1 as token_issuer;
pub use generated::countersign::r#type::v1 as types;
pub use generated::countersign::waas_gateway::v1 as waas_gateway;

/// The descriptors of every `.proto` file, encoded as a `FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptor.bin");
