//! The one suite: every function runs on every backend, on a fresh database.

pub mod access;
pub mod compare;
pub mod desk;
pub mod fixture;
pub mod generated;
pub mod integrations;
pub mod outbox;
pub mod parties;
pub mod passkeys;
pub mod reports;
pub mod sms;
pub mod upkeep;
pub mod usage;

/// Makes one `#[test]` per function of the suite; `$fresh` gives a store or says why to skip.
#[macro_export]
macro_rules! run_suite {
    ($fresh:path) => {
        $crate::run_suite!(@each $fresh,
            parties::scopes_show_only_what_is_theirs,
            parties::a_taken_name_is_a_duplicate,
            parties::sessions_live_and_die,
            parties::the_audit_log_is_scoped,
            access::a_code_and_a_recovery_code_are_used_once,
            access::a_session_that_awaits_its_code_is_lifted_once,
            access::a_reset_is_used_once_and_ends_everything,
            access::browsers_are_known_per_account_and_bounded,
            reports::a_batch_is_stored_once_however_often_it_comes,
            reports::many_nodes_storing_one_batch_store_it_once,
            reports::a_bad_report_is_set_aside_and_blocks_nothing,
            reports::one_infection_over_many_batches_is_one_alert_that_rises,
            reports::an_older_version_of_an_alert_cannot_overwrite_a_newer,
            reports::lists_page_filter_and_count,
            reports::a_batch_of_an_unknown_gateway_stores_nothing,
            outbox::a_mail_is_queued_once_and_delivered_under_a_lease,
            outbox::two_workers_take_different_deliveries,
            outbox::a_dead_delivery_can_be_revived,
            outbox::an_accepted_mail_marks_its_alerts_notified,
            outbox::a_clock_that_jumped_back_holds_up_no_mail,
            outbox::what_was_noted_by_a_clock_ahead_is_told_now,
            compare::a_published_cell_stays_and_everybody_reads_it,
            compare::days_of_companies_are_for_the_job_alone,
            compare::a_company_reads_its_own_size_and_gateways_only,
            generated::made_up_customers_read_like_real_ones,
            generated::a_walk_meets_every_row_once_by_customer_and_time,
            sms::a_number_counts_once_it_is_proved,
            sms::a_code_goes_out_first_and_is_erased,
            sms::a_bounced_alert_goes_to_the_next_address_and_the_telephone_once,
            sms::a_refused_or_late_alert_goes_to_the_telephone,
            sms::an_alert_without_any_address_goes_to_the_telephone,
            sms::a_storm_does_not_ring_all_day,
            usage::sums_add_up_once_and_are_grouped,
            usage::another_tenant_sees_nothing_of_it,
            usage::depth_is_summed_by_hour_and_by_japanese_day,
            usage::devices_keep_their_first_sight,
            desk::announcements_are_read_once_each_and_written_by_the_operator,
            desk::an_announcement_is_mailed_to_every_customer_once,
            desk::an_inquiry_is_answered_once_with_its_mail_and_seen_only_by_its_own,
            desk::open_inquiries_and_files_are_bounded,
            desk::contracts_and_claims_are_the_operators_to_write,
            desk::a_months_report_is_stored_once_with_its_mail,
            desk::a_report_that_failed_is_tried_later_and_shown_to_the_operator_alone,
            integrations::a_token_is_found_by_its_hash_and_revoked_by_its_own_alone,
            integrations::webhooks_are_seen_and_changed_by_their_own_alone,
            integrations::each_sees_as_many_as_its_scope_reaches,
            integrations::an_event_is_queued_with_its_alert_and_settled_under_its_lease,
            passkeys::passkeys_are_bounded_counted_and_the_accounts_own,
            passkeys::a_challenge_is_answered_once_on_whichever_node,
            passkeys::a_code_by_sms_is_used_once_and_few_are_sent,
            passkeys::sealed_secrets_are_replaced_only_as_they_were_read,
            upkeep::a_secret_enrols_once,
            upkeep::a_job_has_one_owner_at_a_time,
            upkeep::a_clock_that_jumped_back_holds_up_no_job,
            upkeep::receiving_extends_and_leaves_gaps,
            upkeep::a_gateway_that_speaks_is_not_marked_stopped,
            upkeep::old_rows_go_and_young_ones_stay,
        );
    };
    (@each $fresh:path, $($module:ident :: $name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(async {
                        if let Some(fresh) = $fresh(stringify!($name)).await {
                            suite::$module::$name(fresh.store.clone()).await;
                            fresh.store.close().await;
                        }
                    });
            }
        )+
    };
}
