//! Plans that cannot be carried out on whoever sends the requests.

use kube_faults::plan::{Fault, Nth, Plan};

use crate::front::Client;

/// Why a plan cannot be carried out on this client.
pub fn refused(plan: &Plan, client: &Client<'_>) -> Result<(), String> {
    let kills: Vec<&Fault> = plan.faults.iter().filter(|it| it.action.kills()).collect();
    let Some(first) = kills.first() else { return Ok(()) };
    let once = |it: &Fault| matches!(it.nth, Nth::Between(first, last) if first == last);
    match client {
        Client::Anybody => Err(format!(
            "`{first}`: there is nobody to kill: give the operator as COMMAND after `--`, or its process \
             with --pid ID"
        )),
        Client::Process(_) if kills.len() > 1 || !once(first) => Err(format!(
            "`{plan}` kills more than once, and --pid is one process: say which one as in `#1`, or give \
             the operator as COMMAND after `--`"
        )),
        Client::Command(..) | Client::Process(_) => Ok(()),
    }
}
