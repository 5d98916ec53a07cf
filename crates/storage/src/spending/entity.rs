//! The tables `spent_operations` and `spent_tokens`.

pub(super) mod operations {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "spent_operations")]
    pub(in crate::spending) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::spending) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(in crate::spending) user: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::spending) operation_id: Uuid,
        pub(in crate::spending) digest: Vec<u8>,
        pub(in crate::spending) state: String,
        pub(in crate::spending) attempt: Uuid,
        pub(in crate::spending) first_seen_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::spending) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod tokens {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "spent_tokens")]
    pub(in crate::spending) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::spending) jti: Uuid,
        pub(in crate::spending) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(in crate::spending) user: Uuid,
        pub(in crate::spending) operation_id: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::spending) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
