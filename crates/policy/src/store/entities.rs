//! The tables.

pub(super) mod environments {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "environments")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) id: Uuid,
        /// The newest version.
        pub(in crate::store) version: i64,
        pub(in crate::store) created_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {
        #[sea_orm(
            belongs_to = "super::versions::Entity",
            from = "(Column::Id, Column::Version)",
            to = "(super::versions::Column::Environment, super::versions::Column::Version)"
        )]
        Newest,
    }

    impl Related<super::versions::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Newest.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod versions {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "environment_versions")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) version: i64,
        /// See [`super::super::record`].
        pub(in crate::store) settings: String,
        pub(in crate::store) made_ms: i64,
        /// The administrator, by issuer and subject.
        pub(in crate::store) made_by: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Pairs of issuer and audience, of identity providers and of assertion issuers alike. The table has its name from the
/// time when there were the former only.
pub(super) mod pairs {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "environment_providers")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) issuer: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in crate::store) audience: String,
        pub(in crate::store) environment: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in crate::store) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
