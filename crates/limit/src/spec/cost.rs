//! What a request counts for.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What a request counts for: `cost: 5`, `cost: { header: x-units, max: 100 }` or `cost: {
/// response_header: x-units, max: 100 }`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cost {
    /// Always the same.
    Constant(u32),
    /// What this request header says, from 1 to `max`; 1 if it is missing or no number.
    Header {
        /// The header's name.
        name: String,
        /// More than this is not believed.
        max: u32,
    },
    /// What this header of the service's answer says, from 1 to `max`: 1 is taken before, the rest
    /// afterwards, if need be beyond the amount.
    Response {
        /// The header's name.
        name: String,
        /// More than this is not believed.
        max: u32,
    },
}

impl Default for Cost {
    fn default() -> Self {
        Self::Constant(1)
    }
}

/// What one request may cost at most.
const COST_MAX: u32 = 1_000_000;

/// A cost that a header tells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderCost {
    /// A header of the request.
    header: Option<String>,
    /// A header of the service's answer.
    response_header: Option<String>,
    /// More than this is not believed.
    max: u32,
}

struct CostVisitor;

impl<'de> Visitor<'de> for CostVisitor {
    type Value = Cost;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or the header that tells it: { header: x-cost, max: 100 }")
    }

    fn visit_u64<E: de::Error>(self, cost: u64) -> Result<Cost, E> {
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        in_bounds(Cost::Constant(cost), cost)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Cost, E> {
        match text.parse() {
            Ok(cost) => self.visit_u64(cost),
            Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cost, A::Error> {
        let HeaderCost {
            header,
            response_header,
            max,
        } = HeaderCost::deserialize(MapAccessDeserializer::new(map))?;
        let cost = match (header, response_header) {
            (Some(name), None) => Cost::Header { name, max },
            (None, Some(name)) => Cost::Response { name, max },
            _ => {
                let message = "a cost is told by one of `header` and `response_header`";
                return Err(de::Error::custom(message));
            }
        };
        in_bounds(cost, max)
    }
}

fn in_bounds<E: de::Error>(cost: Cost, most: u32) -> Result<Cost, E> {
    if (1..=COST_MAX).contains(&most) {
        Ok(cost)
    } else {
        let message = format!("a cost of {most} is not offered: 1 to {COST_MAX}");
        Err(E::custom(message))
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CostVisitor)
    }
}
