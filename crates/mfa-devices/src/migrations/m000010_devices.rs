//! Owners, devices of every kind, proofs, evidence and throttles.

use sea_orm_migration::prelude::*;

/// Creates `factor_owners`, `devices`, `totp_secrets`, `passkeys`, `factor_proofs`, `passkey_evidence` and
/// `code_throttles`.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000010_devices"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [owners(), devices(), secrets(), passkeys(), proofs(), evidence(), throttles()] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("devices_by_owner")
                    .table("devices")
                    .col("environment")
                    .col("user_id")
                    .to_owned(),
            )
            .await?;
        // However many register at once, in however many transactions: a credential is one passkey's.
        manager
            .create_index(
                Index::create()
                    .name("passkeys_by_credential")
                    .table("passkeys")
                    .col("environment")
                    .col("credential_id")
                    .unique()
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "code_throttles",
            "passkey_evidence",
            "factor_proofs",
            "passkeys",
            "totp_secrets",
            "devices",
            "factor_owners",
        ] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn owners() -> TableCreateStatement {
    Table::create()
        .table("factor_owners")
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("ever_verified").boolean().not_null())
        .col(ColumnDef::new("default_device").uuid())
        .col(ColumnDef::new("first_session").text().not_null())
        .col(ColumnDef::new("generation").big_integer().not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .primary_key(Index::create().col("environment").col("user_id"))
        .to_owned()
}

fn devices() -> TableCreateStatement {
    Table::create()
        .table("devices")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("display_name").text().not_null())
        .col(ColumnDef::new("created_ms").big_integer().not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .col(ColumnDef::new("pending_session").text())
        .col(ColumnDef::new("entitlement").text())
        .col(ColumnDef::new("verified_ms").big_integer())
        .col(ColumnDef::new("last_use_ms").big_integer())
        .to_owned()
}

/// What only one kind of device has goes with its device.
fn of_device(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "device")
        .to("devices", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn secrets() -> TableCreateStatement {
    Table::create()
        .table("totp_secrets")
        .col(ColumnDef::new("device").uuid().not_null().primary_key())
        .col(ColumnDef::new("secret").binary().not_null())
        .col(ColumnDef::new("algorithm").text().not_null())
        .col(ColumnDef::new("digits").integer().not_null())
        .col(ColumnDef::new("period_seconds").integer().not_null())
        .col(ColumnDef::new("last_step").big_integer().not_null())
        .foreign_key(&mut of_device("totp_secrets"))
        .to_owned()
}

fn passkeys() -> TableCreateStatement {
    Table::create()
        .table("passkeys")
        .col(ColumnDef::new("device").uuid().not_null().primary_key())
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("credential_id").binary().not_null())
        .col(ColumnDef::new("public_key").binary().not_null())
        .col(ColumnDef::new("library").text().not_null())
        .col(ColumnDef::new("sign_count").big_integer().not_null())
        .col(ColumnDef::new("backup_eligible").boolean().not_null())
        .col(ColumnDef::new("backup_state").boolean().not_null())
        .col(ColumnDef::new("transports").text().not_null())
        .col(ColumnDef::new("aaguid").uuid().not_null())
        .col(ColumnDef::new("rp_id").text().not_null())
        .foreign_key(&mut of_device("passkeys"))
        .to_owned()
}

fn proofs() -> TableCreateStatement {
    Table::create()
        .table("factor_proofs")
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("request_id").uuid().not_null())
        .col(ColumnDef::new("proof_id").uuid().not_null().unique_key())
        .col(ColumnDef::new("device").uuid().not_null())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("session").text().not_null())
        .col(ColumnDef::new("purpose").binary().not_null())
        .col(ColumnDef::new("at_ms").big_integer().not_null())
        .col(ColumnDef::new("answer_mac").binary().not_null())
        .col(ColumnDef::new("for_recovery").boolean().not_null())
        .col(ColumnDef::new("spent_ms").big_integer())
        .primary_key(Index::create().col("environment").col("user_id").col("request_id"))
        .to_owned()
}

fn evidence() -> TableCreateStatement {
    Table::create()
        .table("passkey_evidence")
        .col(ColumnDef::new("proof_id").uuid().not_null().primary_key())
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("device").uuid().not_null())
        .col(ColumnDef::new("credential_id").binary().not_null())
        .col(ColumnDef::new("public_key").binary().not_null())
        .col(ColumnDef::new("authenticator_data").binary().not_null())
        .col(ColumnDef::new("client_data").binary().not_null())
        .col(ColumnDef::new("signature").binary().not_null())
        .col(ColumnDef::new("nonce").binary().not_null())
        .col(ColumnDef::new("purpose").binary().not_null())
        .col(ColumnDef::new("operation").binary())
        .col(ColumnDef::new("rp_id").text().not_null())
        .col(ColumnDef::new("at_ms").big_integer().not_null())
        .to_owned()
}

fn throttles() -> TableCreateStatement {
    Table::create()
        .table("code_throttles")
        .col(ColumnDef::new("environment").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("streak").big_integer().not_null())
        .col(ColumnDef::new("last_try_ms").big_integer().not_null())
        .col(ColumnDef::new("full_at_ms").big_integer().not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .primary_key(Index::create().col("environment").col("user_id").col("kind"))
        .to_owned()
}
