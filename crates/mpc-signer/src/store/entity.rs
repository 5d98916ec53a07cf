//! The tables `wallets` and `key_shares`.

pub(super) mod wallets {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "wallets")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) wallet_id: Uuid,
        pub(in crate::store) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        /// The operation that created it.
        pub(in crate::store) operation_id: Uuid,
        /// The attempt whose share was stored last. Written with every share, so that storing one and activating
        /// another exclude each other on this row.
        pub(in crate::store) latest_attempt: Uuid,
        /// The attempt whose share is in use; none before activation.
        pub(in crate::store) active_attempt: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod key_shares {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "key_shares")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) wallet_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) attempt: Uuid,
        pub(in crate::store) node_id: String,
        pub(in crate::store) statement: Vec<u8>,
        pub(in crate::store) signature: Vec<u8>,
        /// Sealed; see [`storage::Sealer`].
        pub(in crate::store) secret: Vec<u8>,
        pub(in crate::store) stored_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
