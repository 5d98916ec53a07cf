//! The tables of recovery codes.

/// `recovery_code_sets`: at most one for each user.
pub(in crate::store) mod sets {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recovery_code_sets")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) id: Uuid,
        pub(in crate::store) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(in crate::store) user: Uuid,
        /// The session that made it.
        pub(in crate::store) session: String,
        pub(in crate::store) created_ms: i64,
        pub(in crate::store) last_use_ms: Option<i64>,
        pub(in crate::store) acknowledged: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `recovery_codes`: what is kept of each code.
pub(in crate::store) mod codes {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recovery_codes")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_name = "set_id")]
        pub(in crate::store) set: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) place: i32,
        /// See [`crate::domain::CodeHash`].
        pub(in crate::store) hash: Vec<u8>,
        pub(in crate::store) used_ms: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `recovery_code_copies`: what the codes can be shown from again, for a while.
pub(in crate::store) mod copies {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recovery_code_copies")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_name = "set_id")]
        pub(in crate::store) set: Uuid,
        pub(in crate::store) created_ms: i64,
        /// The codes, sealed.
        pub(in crate::store) codes: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
