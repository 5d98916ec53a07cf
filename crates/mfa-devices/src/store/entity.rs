//! The tables.

/// `factor_owners`: one row for each user who ever registered a device.
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
        /// Counts the changes of what the user has.
        pub(in crate::store) revision: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {
        #[sea_orm(
            belongs_to = "super::devices::Entity",
            from = "(Column::Environment, Column::User)",
            to = "(super::devices::Column::Environment, super::devices::Column::User)"
        )]
        Devices,
    }

    impl Related<super::devices::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Devices.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// `totp_devices`: pending ones and factors.
pub(super) mod devices {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "totp_devices")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) id: Uuid,
        pub(in crate::store) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        pub(in crate::store) display_name: String,
        /// The seed, sealed.
        pub(in crate::store) secret: Vec<u8>,
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
        /// The last time step whose code was accepted; -1 before.
        pub(in crate::store) last_step: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `totp_proofs`: what right codes proved, kept as long as retries are answered.
pub(super) mod proofs {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "totp_proofs")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) request_id: Uuid,
        pub(in crate::store) proof_id: Uuid,
        pub(in crate::store) device: Uuid,
        pub(in crate::store) session: String,
        pub(in crate::store) purpose: Vec<u8>,
        pub(in crate::store) at_ms: i64,
        /// Which code it was, as an HMAC under the device's seed.
        pub(in crate::store) code_mac: Vec<u8>,
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
