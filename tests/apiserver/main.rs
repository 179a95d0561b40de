//! The operator on a real API server, with the rights of its own account. There is no node: no Pod
//! ever runs, so what is shown here is what it asks of the API server and what it says.
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

mod access;
mod accounts;
mod asked;
mod asking;
mod attempts;
mod bodies;
mod boundary;
mod brought;
mod claims;
mod clones;
mod conformance;
mod consent;
mod copies;
mod corpus;
mod crammed;
mod customised;
mod definitions;
mod drift;
mod ends;
mod escalations;
mod evidence;
mod exposure;
mod faults;
mod figures;
mod floods;
mod held;
mod interrupted;
mod last;
mod leaders;
mod limits;
mod look;
mod overstepped;
mod rebuild;
mod recovery;
mod restarts;
mod shards;
mod turns;
mod uninstalled;
mod unwatched;
mod upgrade;
mod verbs;
mod withdrawn;
mod world;

use std::{process::ExitCode, sync::Arc};

use support::suite::{Stage, run};

use world::World;

#[expect(clippy::too_many_lines, reason = "the list of all scenarios")]
fn main() -> ExitCode {
    let stage: Stage<World> = Stage::default();
    let s = &stage;
    let phases =
        vec![
            // The longest first: they mostly wait. What comes first plays on the other clusters, one after
            // the other on each.
            scenarios!(s, 34, [
            asked::an_environment_sleeps_by_its_windows,
            recovery::a_time_without_an_api_server_disturbs_nobody,
            figures::environments_at_rest_cost_no_request,
            faults::an_operator_killed_at_its_writes_converges_leaks_nothing_and_touches_nothing_foreign,
            unwatched::without_the_watch_of_workloads_an_environment_at_rest_costs_few_requests,
            held::an_api_that_does_not_answer_is_named,
            held::a_pod_whose_node_is_away_is_named,
            held::a_definition_that_is_deleted_takes_its_environments_along,
            uninstalled::what_lives_outlasts_an_uninstallation_behind_its_fence_and_is_taken_up_again,
            restarts::an_operator_killed_right_after_the_namespace_was_made_finds_it_again,
            restarts::a_namespace_of_somebody_else_is_neither_used_nor_deleted,
            figures::forty_objects_take_few_requests,
            drift::environments_of_one_source_share_what_is_read_of_it,
            exposure::routes_of_the_gateway_api_attach_to_the_gateway_of_the_class,
            rebuild::an_operator_killed_during_a_rebuild_goes_on_with_it,
            restarts::what_ends_while_the_operator_is_away_ends_when_it_is_back,
            restarts::nothing_of_twenty_environments_is_written_by_a_restart_a_class_or_production,
            restarts::an_operator_that_is_told_to_stop_stops_in_time,
            crammed::what_is_too_much_or_too_tangled_ends_in_words_and_costs_others_little,
            leaders::of_two_operators_one_works_and_the_other_goes_on_where_it_ends,
            leaders::an_operator_that_was_stopped_past_its_lease_writes_nothing_when_it_wakes,
            shards::operators_that_share_the_work_keep_to_their_own_and_to_one_cap,
            upgrade::an_operator_that_is_replaced_amid_work_leaves_everything_right,
            restarts::where_a_fence_policy_is_missing_or_unbound_nothing_is_created,
            corpus::the_server_takes_every_clone_of_the_corpus_and_none_misses_anything,
            limits::a_quota_of_which_the_use_is_not_known_is_waited_for,
            limits::a_plan_that_does_not_fit_the_quota_says_so_before_anything_is_made,
            limits::a_plan_fits_the_quota_that_holds_exactly_what_it_says_it_needs,
            limits::pods_and_claims_fit_the_limit_range_of_the_class,
            copies::a_secret_is_copied_only_if_its_owners_and_the_class_consent,
            copies::pods_pull_with_the_classs_secrets_or_with_those_that_are_granted,
            customised::an_overlay_adds_and_replaces_and_is_read_again_with_the_spec,
            customised::manifests_that_cannot_be_used_are_named,
            customised::an_environment_is_made_of_manifests_alone_where_the_class_says_so,
            customised::variables_and_patches_are_in_what_is_applied,
            exposure::an_ingress_arrives_with_a_preview_host_the_classs_certificate_and_annotations,
            exposure::a_host_that_another_environment_has_is_not_taken,
            boundary::a_boundary_that_is_open_stops_an_environment_unless_it_only_warns,
            boundary::a_reference_to_production_stops_a_plan_unless_it_only_warns,
            boundary::openings_are_accepted_by_the_server_as_they_are_planned,
            ends::an_environment_expires_on_time_and_leaves_nothing_but_its_object,
            ends::an_expired_environment_is_deleted_where_it_says_so,
            ends::an_environment_deleted_while_it_is_created_leaves_nothing,
            ends::an_environment_that_came_with_our_finalizer_goes_all_the_same,
            ends::deleting_a_ready_environment_leaves_nothing,
            ends::a_namespace_that_takes_its_time_to_go_is_waited_for,
            ends::an_environment_that_cannot_be_read_says_so_and_is_ended_all_the_same,
            held::a_finalizer_of_somebody_else_is_named_with_what_takes_it_off,
            held::a_finalizer_of_the_namespace_itself_is_named,
            last::what_is_done_at_the_end_is_done_before_anything_goes,
            last::an_end_waits_for_no_task_longer_than_it_may_take,
            last::a_task_whose_pod_is_refused_says_so,
            last::a_job_of_the_source_that_fails_as_a_seed_is_repeated_when_asked,
            last::jobs_of_smokes_of_earlier_plans_do_not_stay,
            last::smokes_run_side_by_side_and_a_quota_that_fits_the_plan_has_room_for_them,
            held::what_an_environment_stands_on_may_go_in_any_order,
            held::custom_resources_are_cleaned_up_after_before_what_runs_goes,
            held::a_kind_that_is_removed_from_the_cluster_holds_nobody_up,
            conformance::the_exchanges_that_the_simulator_is_held_against_are_those_of_the_server,
            definitions::what_the_definitions_refuse_is_refused_by_the_server_in_the_same_words,
            definitions::changes_that_the_definitions_refuse_are_refused_by_the_server,
            definitions::examples_are_accepted_by_the_server,
            access::who_asks_for_what_by_which_door_is_answered_as_the_table_says,
            access::a_source_whose_grant_is_withdrawn_is_not_looked_at_any_more,
            escalations::nobody_gets_beyond_what_they_were_given_in_a_clone,
            brought::what_a_spec_brings_along_gets_nowhere,
            overstepped::what_a_spec_may_not_ask_for_is_refused,
            escalations::no_node_asks_another_host_for_a_pod_of_a_clone,
            escalations::the_policies_of_the_chart_are_what_the_server_takes_and_understands,
            consent::without_a_grant_nothing_is_created_and_with_one_it_goes_on,
            consent::a_source_that_does_not_exist_is_named,
            consent::a_source_that_may_not_be_read_is_named_with_the_command_that_helps,
            consent::a_class_that_does_not_exist_is_named,
            consent::a_class_that_forbids_the_source_is_obeyed,
            consent::a_class_that_forbids_the_request_namespace_is_obeyed,
            consent::an_environment_cannot_clone_the_namespace_it_stands_in,
            consent::a_plan_larger_than_the_class_allows_is_refused,
            clones::a_clone_arrives_rewritten_and_without_productions_secrets,
            clones::another_image_changes_one_object_and_runs_no_seed_again,
            clones::what_is_no_longer_planned_is_removed,
            clones::other_contents_of_a_given_secret_are_applied_and_nothing_else_moves,
            clones::nothing_changes_while_an_environment_is_suspended,
            clones::an_object_that_the_server_refuses_is_named_and_the_others_are_applied,
            clones::a_seed_whose_store_never_comes_waits_and_says_so,
            clones::three_environments_of_one_source_do_not_disturb_each_other,
            clones::production_that_moves_on_changes_nothing_in_what_lives,
            asked::an_extension_holds_whatever_becomes_of_its_annotation,
            asked::an_environment_that_was_cut_short_stays_gone_until_it_is_asked_back,
            asked::what_cannot_be_done_is_refused_in_the_status_and_an_event,
            asked::a_plan_waits_until_exactly_its_digest_is_approved,
            asked::an_environment_sleeps_and_wakes_as_asked,
            asked::failed_tasks_and_seeds_run_again_when_asked,
            evidence::of_a_failed_smoke_the_plan_holds_states_and_events_and_no_credential,
            drift::production_that_moved_on_is_named_by_object_and_path,
            drift::production_that_cannot_be_looked_at_is_said_until_it_can,
            drift::what_somebody_changes_in_an_environment_is_named_and_put_back_where_asked,
            drift::an_environment_follows_production_in_place_where_it_is_asked_to,
            drift::a_plan_that_follows_production_waits_for_approval,
            drift::production_that_cannot_be_followed_is_said_and_changes_nothing,
            rebuild::an_environment_is_rebuilt_beside_itself_and_the_old_one_goes,
            rebuild::a_rebuild_that_fails_leaves_what_serves_untouched_and_says_so,
            rebuild::routes_that_are_refused_leave_the_url_where_it_was,
            interrupted::an_environment_that_expires_during_a_rebuild_takes_both_namespaces_along,
            interrupted::an_environment_that_falls_asleep_during_a_rebuild_has_no_pods_and_goes_on_when_awake,
            interrupted::an_environment_that_is_suspended_during_a_rebuild_stands_still_until_it_is_resumed,
            interrupted::a_grant_that_is_withdrawn_during_a_rebuild_ends_what_is_built_and_freezes_what_serves,
            rebuild::an_environment_deleted_during_a_rebuild_leaves_nothing,
            drift::a_workload_of_somebodys_own_with_our_labels_disturbs_nobody,
            turns::only_as_many_environments_as_the_class_allows_are_there_at_a_time,
            turns::who_waits_too_long_for_a_place_is_told_and_may_try_again,
            withdrawn::a_grant_that_is_withdrawn_freezes_at_once_and_one_that_is_back_goes_on,
            withdrawn::a_target_whose_grant_stays_away_goes_when_the_grace_is_over,
            withdrawn::a_source_that_is_deleted_takes_its_clones_along,
            look::plan_diff_and_report_show_what_the_operator_does,
            verbs::an_environment_is_made_listed_changed_and_deleted_by_command,
            verbs::one_that_cannot_be_read_keeps_nobody_from_the_others,
            verbs::an_environment_is_suspended_by_command_unless_a_file_says_otherwise,
            verbs::what_is_asked_by_command_is_answered,
            verbs::consent_is_given_and_withdrawn_by_command,
            verbs::the_doctor_sees_what_is_there_and_what_is_not,
        ]),
            // What is measured in seconds, each on a cluster of its own and with nobody else beside it.
            scenarios!(
                s,
                2,
                [
                    recovery::after_a_kill_at_any_moment_work_goes_on_at_once,
                    floods::a_tenant_that_floods_does_not_keep_others_from_being_ready,
                ]
            ),
            // What all of the above left in the log of the API server and of the operator.
            scenarios!(s, 4, [
            accounts::nothing_was_written_outside_what_is_the_operators_own,
            accounts::no_source_was_written_to,
            accounts::every_right_that_was_used_is_in_the_chart,
            accounts::no_secret_of_production_is_in_a_log_line_or_an_object_that_others_read,
            accounts::no_environment_left_a_namespace_or_a_stored_plan_behind,
            accounts::the_operator_did_not_panic,
        ]),
        ];
    run("apiserver", &stage, || World::start().map(Arc::new), phases, World::finish)
}
