//! The contract on every backend, and what concerns SQL alone.

use std::sync::Arc;

use kernel::secret::ExposeSecret;
use kernel::{DeviceId, SecretBytes};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};
use storage::Sealer;

use super::SqlDeviceStore;
use super::contract::{Handles, contract_tests};
use super::entity::{devices, secrets};
use crate::domain::{DisplayName, Owner, Seed, TotpParameters};
use crate::fixtures::{ENTROPY, NOW, owner, session};
use crate::migrations::Migrator;
use crate::ports::{DeviceStore, Enrolment};

fn store(database: DatabaseConnection) -> SqlDeviceStore {
    let keys = [(1, SecretBytes::from(vec![1; 32]))];
    SqlDeviceStore::new(
        database,
        Arc::new(Sealer::new(keys, Arc::new(testkit::SeededEntropy::new(3))).unwrap()),
    )
}

/// Runs a clause of the contract on every backend.
async fn on_each(clause: impl AsyncFn(Handles<SqlDeviceStore>)) {
    testkit::on_each::<Migrator>(async |pools| clause(pools.map(|pool| Arc::new(store(pool)))).await).await;
}

contract_tests! {
    on_each;
    registering::{
        somebody_unknown_has_nothing,
        a_device_comes_back_as_it_was_registered,
        a_session_has_one_pending_device,
        pending_devices_are_bounded_until_their_time_is_over,
        of_many_sessions_that_register_at_once_as_many_wait_as_may,
        factors_are_bounded_and_the_first_is_the_first,
        a_name_is_changed_by_compare_and_set,
        the_first_factor_is_the_default_and_the_oldest_follows,
        a_pending_device_is_neither_default_nor_removed_as_a_factor,
        of_parallel_removals_the_last_factor_stays,
        the_default_is_a_factor_whatever_is_removed_at_once,
        a_payment_registers_one_device_and_only_while_it_stands,
        of_many_calls_with_one_payment_one_registers,
        a_payment_removes_only_while_it_stands,
        what_was_judged_before_a_factor_came_or_went_is_over,
    }
    proving::{
        a_step_is_accepted_once_and_none_before_it_after_it,
        of_64_who_bring_one_code_one_is_accepted,
        a_factor_is_born_and_ends_what_else_is_pending,
        only_who_may_now_can_activate,
        of_two_first_factors_one_is_born,
        of_further_factors_at_once_no_more_are_born_than_may,
        what_is_discarded_while_it_is_proved_is_one_or_the_other,
        a_proof_is_found_by_its_request_until_nobody_can_ask,
        of_parallel_calls_with_one_request_one_is_answered,
        a_removed_device_leaves_no_proof,
    }
    recovery::{
        codes_come_back_as_they_were_made,
        codes_take_a_factor_and_a_fresh_proof_of_it,
        a_proof_of_a_factor_that_is_gone_pays_for_nothing,
        a_recovery_code_pays_for_no_codes,
        of_many_who_bring_two_proofs_two_make_codes,
        of_200_who_bring_one_recovery_code_one_succeeds,
        all_codes_at_once_are_each_used_once,
        a_used_code_leaves_its_proof_and_clears_its_own_tries,
        an_old_set_is_dead_at_once_and_so_is_somebody_elses,
        codes_used_while_they_are_replaced_are_one_or_the_other,
        codes_are_shown_again_for_a_payment_each,
        acknowledged_codes_are_hidden_and_stay_good,
        codes_end_with_the_last_factor,
        of_parallel_removals_and_makings_no_codes_stay_without_a_factor,
        events_are_listed_in_order_until_they_are_delivered,
        what_is_not_changed_is_not_told,
    }
    users::{
        a_reset_takes_everything_and_remembers_that_there_was_something,
        what_is_proved_while_a_user_is_reset_is_gone_after_it,
        cleared_tries_begin_anew_for_one_kind,
        the_first_session_is_the_first_for_ever,
        of_many_first_sessions_one_is,
    }
    passkeys::{
        a_passkey_comes_back_as_it_was_registered,
        a_passkey_is_born_by_right_only,
        a_birth_ends_what_is_pending_and_what_began_before,
        a_credential_is_one_passkey_within_its_environment,
        of_many_who_register_one_credential_one_has_it,
        of_many_first_factors_of_any_kind_one_is_born,
        of_many_registrations_with_one_payment_one_is_born,
        a_signature_moves_the_counter_and_leaves_proof_and_evidence,
        a_counter_that_goes_back_changes_nothing,
        a_signature_is_for_a_passkey_of_its_user,
        of_64_who_bring_one_signature_one_is_accepted,
        of_parallel_signatures_with_one_request_one_is_answered,
        what_is_removed_while_it_signs_is_one_or_the_other,
        every_change_of_a_factor_is_told_and_nothing_else,
        a_reset_ends_passkeys_and_registrations_under_way,
    }
    throttling::{
        of_200_tries_at_once_five_are_taken,
        a_try_stays_taken_for_every_handle,
        a_right_code_gives_its_try_back_and_ends_the_streak,
        a_repetition_gives_its_try_back_and_ends_no_streak,
        a_try_and_a_right_code_at_once_are_both_counted,
        a_clock_that_jumps_clears_nobody_elses_tries,
    }
}

async fn enrolled(store: &SqlDeviceStore, owner: Owner) -> (DeviceId, Vec<u8>) {
    let enrolment = Enrolment {
        id: DeviceId::random(&*ENTROPY),
        display_name: DisplayName::default(),
        session: session(&format!("s-{}", owner.user)),
        payment: None,
        at: NOW,
        seed: Seed::random(&*ENTROPY, TotpParameters::DEFAULT),
        max_factors: 1,
        generation: 0,
    };
    store.enrol(owner, &enrolment).await.unwrap();
    (enrolment.id, enrolment.seed.octets().expose_secret().to_vec())
}

async fn column(store: &SqlDeviceStore, device: DeviceId) -> Vec<u8> {
    secrets::Entity::find_by_id(device.uuid()).one(&store.database).await.unwrap().unwrap().secret
}

#[tokio::test]
async fn a_seed_is_sealed_and_does_not_open_in_another_row() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let store = store(database);
    let (mine, theirs) = (owner(), owner());
    let (device, seed) = enrolled(&store, mine).await;
    let (other, _) = enrolled(&store, theirs).await;
    let sealed = column(&store, device).await;
    assert!(!sealed.windows(4).any(|window| seed.windows(4).any(|part| part == window)));

    // Whoever can write to the database cannot give one user's seed to another.
    secrets::Entity::update_many()
        .col_expr(secrets::Column::Secret, Expr::value(sealed))
        .filter(secrets::Column::Device.eq(other.uuid()))
        .exec(&store.database)
        .await
        .unwrap();
    assert!(store.seed(theirs, other).await.is_err());
    assert!(store.seed(mine, device).await.unwrap().is_some());
}

#[tokio::test]
async fn a_row_that_is_neither_pending_nor_a_factor_is_refused() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let store = store(database);
    let owner = owner();
    let (device, _) = enrolled(&store, owner).await;
    devices::Entity::update_many()
        .col_expr(devices::Column::VerifiedMs, Expr::value(NOW.millis()))
        .filter(devices::Column::Id.eq(device.uuid()))
        .exec(&store.database)
        .await
        .unwrap();
    assert_eq!(store.holdings(owner).await.unwrap_err().reason(), kernel::Reason::Internal);
}
