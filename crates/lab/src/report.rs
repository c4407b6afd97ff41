//! What faults did: from what was broken, what logs tell and what clients saw, to an [`Episode`]
//! for each fault and each of its ends; as a table of times, and as a picture.

mod episode;
mod evidence;
mod picture;

pub use episode::{Episode, Evidence, episodes};
pub use picture::picture;
