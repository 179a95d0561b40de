//! The whole way on a cluster with real Pods: installed by Helm, with the example application as
//! production.
//!
//! KULISSE_DEVCLUSTER, KULISSE_HELM and KULISSE_IMAGE_BINARY (a static program, for the operator's
//! image) name what it needs, and it has to be root; or KULISSE_TEST_KUBECONFIG names a cluster that
//! can pull the operator's image.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and prints what it measured"
)]

#[macro_use]
#[path = "../support/scenarios.rs"]
mod scenarios;
#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod apps;
mod cli;
mod ends;
mod fence;
mod lives;
mod openings;
mod people;
mod pushes;
mod rebuild;
mod shop;
mod ssrf;
mod trouble;
mod unenforced;
mod ways;
mod world;

use std::{process::ExitCode, sync::Arc};

use support::suite::{Stage, run};

use world::World;

fn main() -> ExitCode {
    let stage: Stage<World> = Stage::default();
    let s = &stage;
    let phases = vec![
        // The slowest first; all of `shop`, `fence`, `people` and `cli` look at one clone of the shop.
        scenarios!(
            s,
            6,
            [
                shop::the_clone_of_the_shop_becomes_ready_for_kubectl_wait,
                ways::of_forty_ways_to_production_none_gets_through,
                ssrf::what_http_tasks_ask_for_never_reaches_production,
                apps::an_application_that_waits_for_a_migration_job_runs,
                apps::an_application_with_certificates_of_its_own_runs,
                openings::what_is_opened_is_open_and_nothing_else,
                apps::an_application_whose_user_password_and_database_are_one_word_runs,
                apps::an_application_with_a_replicated_redis_runs,
                apps::an_application_configured_by_a_file_in_a_secret_runs,
                rebuild::an_environment_is_rebuilt_while_its_url_is_asked_all_the_time,
                unenforced::where_network_policy_is_not_enforced_no_workload_starts,
                ends::an_environment_with_volumes_expires_and_leaves_nothing,
                ends::an_end_does_what_it_was_asked_to_and_waits_for_a_pod_that_ignores_the_signal,
                ends::volumes_that_stay_are_named,
                ends::an_expired_environment_is_deleted_where_it_says_so,
                lives::an_environment_that_slept_wakes_with_its_data_and_stores_first,
                lives::a_clone_whose_grant_is_withdrawn_stands_still,
                lives::a_target_that_somebody_deletes_is_seeded_and_fenced_anew,
                lives::a_plan_that_waits_for_a_person_makes_nothing,
                trouble::an_image_that_cannot_be_pulled_is_named,
                trouble::a_seed_that_fails_is_kept_and_says_its_last_words,
                trouble::a_smoke_that_fails_is_kept_and_says_what_was_answered,
                trouble::names_at_their_longest_work,
                pushes::a_push_restarts_what_it_names_and_nothing_else,
                pushes::three_environments_at_once_do_not_disturb_each_other,
                shop::the_databases_hold_what_was_seeded_and_nothing_of_production,
                shop::the_preview_host_shows_the_clone_and_productions_host_production,
                shop::the_clone_is_small_and_nothing_scales_it_back,
                shop::the_job_that_charges_customers_sleeps,
                shop::no_credential_is_productions,
                shop::the_report_says_what_stayed_behind_and_why,
                shop::the_workload_that_uses_the_api_uses_its_own_namespace,
                fence::nothing_of_production_can_be_reached,
                fence::neighbours_and_names_can_be_reached,
                fence::what_production_keeps_apart_is_kept_apart,
                people::an_editor_reads_logs_and_gets_into_pods,
                people::an_editor_can_not_open_the_fence_or_read_secrets,
                people::nobody_else_can_look_inside,
                people::not_even_an_administrator_adds_a_network_policy,
                cli::status_shows_an_environment,
                cli::wait_tells_the_verdict_by_its_exit_code,
                cli::grant_prints_what_the_owners_apply,
                cli::it_is_a_plugin_of_kubectl,
            ]
        ),
        // What is done to the clone of the shop.
        scenarios!(
            s,
            2,
            [people::an_editor_restarts_a_pod, ends::a_suspended_environment_says_so,]
        ),
        scenarios!(s, 1, [ends::deleting_the_clone_of_the_shop_leaves_nothing,]),
        scenarios!(
            s,
            4,
            [
                accounts::nothing_was_written_outside_what_is_the_operators_own,
                accounts::every_right_that_was_used_is_in_the_chart,
                accounts::no_right_of_the_chart_is_unused,
                accounts::production_was_only_read,
                accounts::no_secret_of_production_is_in_a_log_line_an_event_or_a_metric,
                accounts::the_operator_never_restarted,
            ]
        ),
    ];
    run("e2e", &stage, || World::start().map(Arc::new), phases, World::finish)
}
