//! What happens to a deployment.

use crate::faults::kind::faults;

faults! {
    /// The service is killed in the middle of calls and started again.
    PolicyKilled = "policy-killed",
    /// The service is killed in the middle of calls and started again.
    DevicesKilled = "mfa-devices-killed",
    /// The service is killed in the middle of calls and started again.
    IssuerKilled = "token-issuer-killed",
    /// The service is killed in the middle of calls and started again.
    GatewayKilled = "waas-gateway-killed",
    /// One node is killed in the middle of calls and started again.
    NodeKilled = "node-killed",
    /// Every service and every node is killed and started again.
    AllKilled = "all-killed",
    /// A service or a node stops where it stands, for longer than its standing lasts as often as not, and goes on.
    ServiceStalled = "service-stalled",
    /// Redis is killed and started again, empty.
    RedisKilled = "redis-killed",
    /// Redis stops where it stands and goes on.
    RedisStalled = "redis-stalled",
    /// Postgres is killed and started again.
    PostgresKilled = "postgres-killed",
    /// Postgres stops where it stands and goes on.
    PostgresStalled = "postgres-stalled",
}

impl Fault {
    /// Whether tokens that were on file are worth nothing afterwards, also those whose answer had not arrived: then the
    /// user has to show a second code. Of what else was acknowledged nothing is lost.
    pub(crate) const fn takes_tokens(self) -> bool {
        matches!(self, Self::RedisKilled)
    }
}
