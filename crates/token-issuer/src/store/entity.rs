//! The tables of the issuer's database.

pub(super) mod keys {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "issuer_keys")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) kid: String,
        pub(in crate::store) purpose: String,
        pub(in crate::store) sequence: i64,
        pub(in crate::store) algorithm: String,
        /// Sealed; empty once the key is retired.
        pub(in crate::store) private_key: Vec<u8>,
        pub(in crate::store) created_ms: i64,
        /// Where it is in its life: see [`KeyState`](crate::domain::key_life::KeyState).
        pub(in crate::store) state: String,
        pub(in crate::store) state_since_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod operations {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "authorized_operations")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) operation_id: Uuid,
        pub(in crate::store) digest: Vec<u8>,
        pub(in crate::store) first_seen_ms: i64,
        /// Whether a second call found the row: from then on it stays.
        pub(in crate::store) shared: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod issued {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "issued_tokens")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) jti: Uuid,
        pub(in crate::store) issued_ms: i64,
        /// When it was known to be on file; none before that, when nobody was given it.
        pub(in crate::store) on_file_ms: Option<i64>,
        /// How many revocations of its user there were before it.
        pub(in crate::store) epoch: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod epochs {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "revocation_epochs")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        /// The number of the user's last revocation.
        pub(in crate::store) epoch: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod revocations {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "revocations")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        /// What the target is: see [`Target::kind`](crate::domain::revocation::Target::kind).
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) subject: String,
        /// The number of the last revocation of this target.
        pub(in crate::store) epoch: i64,
        pub(in crate::store) revoked_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod spent {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "spent_assertions")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) issuer: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) jti: String,
        pub(in crate::store) purpose: Vec<u8>,
        pub(in crate::store) spent_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
