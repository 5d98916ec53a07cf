//! The tables.

/// `factor_owners`: one row for each user who was seen.
pub(super) mod owners {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "factor_owners")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        pub(in crate::store) ever_verified: bool,
        pub(in crate::store) default_device: Option<Uuid>,
        /// Counts the births of factors, and the times that all were taken.
        pub(in crate::store) generation: i64,
        /// In which the user was first seen. Never changes.
        pub(in crate::store) first_session: String,
        /// Counts the changes of what the user has.
        pub(in crate::store) revision: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `devices`: pending ones and factors, of every kind. What only one kind has is in `totp_secrets` and `passkeys`.
pub(super) mod devices {
    use sea_orm::entity::prelude::*;

    use super::{passkeys, secrets};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "devices")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) id: Uuid,
        pub(in crate::store) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        pub(in crate::store) kind: String,
        pub(in crate::store) display_name: String,
        pub(in crate::store) created_ms: i64,
        pub(in crate::store) revision: i64,
        /// Of a pending device: the session that registered it.
        pub(in crate::store) pending_session: Option<String>,
        /// Of a pending device: by what right it may become a factor.
        pub(in crate::store) entitlement: Option<String>,
        /// Of a factor: since when.
        pub(in crate::store) verified_ms: Option<i64>,
        /// Of a factor: when it last proved something.
        pub(in crate::store) last_use_ms: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl Related<secrets::Entity> for Entity {
        fn to() -> RelationDef {
            Entity::belongs_to(secrets::Entity).from(Column::Id).to(secrets::Column::Device).into()
        }
    }

    impl Related<passkeys::Entity> for Entity {
        fn to() -> RelationDef {
            Entity::belongs_to(passkeys::Entity).from(Column::Id).to(passkeys::Column::Device).into()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// `totp_secrets`: how each TOTP device computes its codes.
pub(super) mod secrets {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "totp_secrets")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) device: Uuid,
        /// The seed, sealed.
        pub(in crate::store) secret: Vec<u8>,
        pub(in crate::store) algorithm: String,
        pub(in crate::store) digits: i32,
        pub(in crate::store) period_seconds: i32,
        /// The last time step whose code was accepted; -1 before.
        pub(in crate::store) last_step: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `passkeys`: what each passkey is verified with. Nothing in it is secret.
pub(super) mod passkeys {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "passkeys")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) device: Uuid,
        /// Here too, because a credential id is one passkey's within an environment.
        pub(in crate::store) environment: Uuid,
        pub(in crate::store) credential_id: Vec<u8>,
        /// COSE_Key, as the authenticator wrote it.
        pub(in crate::store) public_key: Vec<u8>,
        /// JSON of the library that verifies.
        pub(in crate::store) library: String,
        pub(in crate::store) sign_count: i64,
        pub(in crate::store) backup_eligible: bool,
        pub(in crate::store) backup_state: bool,
        /// Words between which spaces stand.
        pub(in crate::store) transports: String,
        pub(in crate::store) aaguid: Uuid,
        pub(in crate::store) rp_id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `factor_proofs`: what right answers proved, kept as long as retries are answered.
pub(super) mod proofs {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "factor_proofs")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) request_id: Uuid,
        pub(in crate::store) proof_id: Uuid,
        pub(in crate::store) device: Uuid,
        pub(in crate::store) kind: String,
        pub(in crate::store) session: String,
        pub(in crate::store) purpose: Vec<u8>,
        pub(in crate::store) at_ms: i64,
        /// What knows the answer again.
        pub(in crate::store) answer_mac: Vec<u8>,
        /// Whether it is good for the recovery codes.
        pub(in crate::store) for_recovery: bool,
        /// When it was used for them.
        pub(in crate::store) spent_ms: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `passkey_evidence`: with what anybody can verify again what a passkey signed. Stays when the passkey goes.
pub(super) mod evidence {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "passkey_evidence")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) proof_id: Uuid,
        pub(in crate::store) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        pub(in crate::store) device: Uuid,
        pub(in crate::store) credential_id: Vec<u8>,
        pub(in crate::store) public_key: Vec<u8>,
        pub(in crate::store) authenticator_data: Vec<u8>,
        pub(in crate::store) client_data: Vec<u8>,
        pub(in crate::store) signature: Vec<u8>,
        pub(in crate::store) nonce: Vec<u8>,
        pub(in crate::store) purpose: Vec<u8>,
        /// The digest of the operation; none where it was bound to scopes only.
        pub(in crate::store) operation: Option<Vec<u8>>,
        pub(in crate::store) rp_id: String,
        pub(in crate::store) at_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `code_throttles`: the tries of each user with each kind of factor.
pub(super) mod throttles {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "code_throttles")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) kind: String,
        pub(in crate::store) streak: i64,
        pub(in crate::store) last_try_ms: i64,
        pub(in crate::store) full_at_ms: i64,
        /// Counts the changes: what compare-and-set compares.
        pub(in crate::store) revision: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
