//! What `status.phase` says: where an environment is in its life. Where something holds it up that a
//! condition names, it says that reason instead.

use super::words::words;

words! {
    /// One word for people. Programs read the conditions.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Phase {
        /// The operator has not looked at it yet.
        Pending,
        /// The source is read and planned.
        Planning,
        /// The plan waits for a person: `spec.mode` is `Plan`.
        AwaitingApproval,
        /// The plan would lead back to production: nothing is created.
        Blocked,
        /// The class has as many environments as it allows: this one waits for a place.
        Queued,
        /// It waited for a place longer than `queueTimeout`.
        TimedOut,
        /// Its namespace and the fence are made.
        Preparing,
        /// A Pod in it tries the ways to production.
        Probing,
        /// Objects are written into its namespace.
        Applying,
        /// Workloads are on their way.
        Starting,
        /// A seed runs.
        Seeding,
        /// A seed failed or took too long.
        SeedFailed,
        /// A smoke runs.
        Testing,
        /// A smoke failed or took too long.
        SmokeFailed,
        /// A person can use it.
        Ready,
        /// Its workloads have no Pods, as its sleep windows or a person want it.
        Asleep,
        /// `spec.suspend` is true: the operator changes nothing.
        Suspended,
        /// The source may no longer be cloned: nothing runs any more.
        Frozen,
        /// The time was up: its namespace is going.
        Expiring,
        /// Somebody deleted its namespace, or asked for another life after its end had begun: it is made
        /// anew once that is gone.
        Renewing,
        /// The time was up: nothing is left but this object.
        Expired,
        /// It is being deleted, and its namespace with it.
        Deleting,
        /// Nothing of it is left, and the operator has let it go.
        Deleted,
        /// Only of `status.rebuild`: another namespace serves, and this one is going.
        Leaving,
    }
}
