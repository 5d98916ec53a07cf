//! waas-gateway
