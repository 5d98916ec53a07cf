//! token-issuer
