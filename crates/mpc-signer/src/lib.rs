//! mpc-signer
