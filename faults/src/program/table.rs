//! The table of all plans.

use kube_faults::plan::Plan;

use crate::life::{Outcome, Verdict};

/// What has been said so far.
pub struct Table {
    width: usize,
    pub converged: usize,
    pub failed: usize,
    pub not_reached: usize,
}

impl Table {
    pub fn new(plans: &[Plan]) -> Self {
        let longest = plans.iter().map(|it| it.to_string().chars().count()).max();
        let (converged, failed, not_reached) = (0, 0, 0);
        Self { width: longest.unwrap_or_default().max(4), converged, failed, not_reached }
    }

    pub fn head(&self) -> String {
        format!("{:<width$}  {:<11}  seconds", "PLAN", "RESULT", width = self.width)
    }

    pub fn row(&mut self, plan: &str, outcome: &Outcome) -> String {
        let (result, mut note) = match &outcome.verdict {
            Verdict::Converged => {
                self.converged += 1;
                ("converged", String::new())
            }
            Verdict::NotReached => {
                self.not_reached += 1;
                ("not reached", String::new())
            }
            Verdict::Failed(why) => {
                self.failed += 1;
                ("FAILED", format!("  {why}"))
            }
        };
        if outcome.ended.is_some() {
            note = format!("  {}{note}", outcome.endings());
        }
        let seconds = outcome.took.as_secs_f64();
        format!("{plan:<width$}  {result:<11}  {seconds:>7.1}{note}", width = self.width)
    }

    pub fn foot(&self) -> String {
        let all = self.converged + self.failed + self.not_reached;
        format!(
            "{all} plans: {} converged, {} failed, {} not reached",
            self.converged, self.failed, self.not_reached
        )
    }
}
