//! mfa-devices
