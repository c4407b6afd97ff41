//! Decides the fate of one request.
//!
//! The phases are types, in order: [`Arrival`] (is this a request we forward at all?), [`Routed`],
//! [`Known`], [`Permitted`], [`Admitted`]. Each consumes the one before, so nobody can read the
//! caller before identity ran: `Routed` has no such field. A phase that says no returns a
//! [`Refusal`], and one table turns refusals into statuses. Nothing here awaits; what must be
//! waited for is asked for with [`Identified::Ask`].

mod caller;
mod cost;
mod forward;
mod hygiene;
mod identify;
mod path;
mod refusal;
mod relay;
mod require;
mod snapshot;
mod spine;
mod subject;
mod terms;

pub use caller::{Caller, CallerSpec, Fact};
pub use cost::cost_after;
pub use forward::{Forwarding, RequestId, forward_request, forward_response};
pub use hygiene::{Origin, arrive};
pub use identify::{Identified, Method, Need};
pub use path::{BadPath, normalize};
pub use refusal::{Problem, Refusal};
pub use relay::{BadPassage, Passage, forward_relayed, mark_not_served, take_not_served};
pub use require::{Forbidden, Groups, Require};
pub use snapshot::{PlanSpec, Route, RouteSpec, Snapshot, SnapshotError, SnapshotParts};
pub use spine::{Admitted, Arrival, Known, Permitted, Routed};
pub use subject::NotNamed;
pub use terms::Terms;
