//! `Signature-Input` and `Signature` (RFC 9421 section 4): structured fields, read strictly and
//! bounded.

use std::convert::Infallible;

use http::{HeaderMap, HeaderName, header::COOKIE};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored};
use sfv::{
    BareItem, Dictionary, FieldType, InnerList, Item, KeyRef, List, ListEntry, Parser, Version,
};

use super::component::Component;
use super::{SIGNATURE, SIGNATURE_INPUT, SignatureDenied};

/// A longer field is not read.
const FIELD_MAX: usize = 8 * 1_024;
/// Signatures of one request: those of others on the way count.
const LABELS_MAX: usize = 4;
const COMPONENTS_MAX: usize = 32;
/// A longer key identifier, nonce or tag is none.
const TEXT_MAX: usize = 256;
const SIGNATURE_MAX: usize = 1_024;

/// A signature, as the message describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Presented {
    pub(super) components: Vec<Component>,
    /// What was signed of the parameters: the inner list in its one spelling.
    pub(super) params: String,
    pub(super) keyid: Option<String>,
    pub(super) alg: Option<String>,
    pub(super) created: Option<u64>,
    pub(super) expires: Option<u64>,
    pub(super) nonce: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) signature: Vec<u8>,
}

/// A field's lines as one text (RFC 9421 section 2.1). `None` if there is none, or it is no text.
pub(super) fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    // RFC 9113 section 8.2.3: HTTP/2 may cut this one field up.
    let between = if *name == COOKIE { "; " } else { ", " };
    let mut text: Option<String> = None;
    for value in headers.get_all(name) {
        let line = value.to_str().ok()?.trim_matches([' ', '\t']);
        match &mut text {
            None => text = Some(line.to_owned()),
            Some(text) => {
                text.push_str(between);
                text.push_str(line);
            }
        }
    }
    text
}

/// Counts members of a dictionary, those that come twice as well.
struct Members(usize);

impl<'de> DictionaryVisitor<'de> for Members {
    type Out = usize;
    type Error = Infallible;

    fn entry(&mut self, _: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        self.0 += 1;
        Ok(Ignored)
    }

    fn finish(self) -> Result<usize, Infallible> {
        Ok(self.0)
    }
}

/// Whether each member of a dictionary stands there once. The grammar lets the last one win, and
/// others on the way might see the first.
pub(super) fn distinct(text: &str, len: usize) -> Result<(), SignatureDenied> {
    let members = Parser::new(text).parse_dictionary_with_visitor(Members(0));
    match members {
        Ok(members) if members == len => Ok(()),
        _ => Err(SignatureDenied::Malformed),
    }
}

fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Result<Dictionary, SignatureDenied> {
    let text = joined(headers, name).ok_or(SignatureDenied::Malformed)?;
    if text.len() > FIELD_MAX {
        return Err(SignatureDenied::Malformed);
    }
    let parser = Parser::new(&text).with_version(Version::Rfc8941);
    let members: Dictionary = parser.parse().map_err(|_| SignatureDenied::Malformed)?;
    if !(1..=LABELS_MAX).contains(&members.len()) {
        return Err(SignatureDenied::Malformed);
    }
    distinct(&text, members.len())?;
    Ok(members)
}

/// All signatures of a request. Each must have its input, and the other way round.
pub(super) fn read(headers: &HeaderMap) -> Result<Vec<Presented>, SignatureDenied> {
    let inputs = dictionary(headers, &SIGNATURE_INPUT)?;
    let signatures = dictionary(headers, &SIGNATURE)?;
    if inputs.len() != signatures.len() {
        return Err(SignatureDenied::Malformed);
    }
    let mut all = Vec::with_capacity(inputs.len());
    for (label, input) in inputs {
        let signature = signatures.get(&label);
        let (ListEntry::InnerList(list), Some(ListEntry::Item(item))) = (input, signature) else {
            return Err(SignatureDenied::Malformed);
        };
        let signature = item.bare_item.as_byte_sequence();
        let signature = signature.filter(|bytes| bytes.len() <= SIGNATURE_MAX);
        let signature = signature.ok_or(SignatureDenied::Malformed)?;
        all.push(presented(list, signature.to_vec())?);
    }
    Ok(all)
}

fn presented(list: InnerList, signature: Vec<u8>) -> Result<Presented, SignatureDenied> {
    if list.items.len() > COMPONENTS_MAX {
        return Err(SignatureDenied::Malformed);
    }
    let text = |name: &str| -> Result<Option<String>, SignatureDenied> {
        match param(&list, name) {
            None => Ok(None),
            Some(BareItem::String(text)) if text.as_str().len() <= TEXT_MAX => {
                Ok(Some(text.as_str().to_owned()))
            }
            Some(_) => Err(SignatureDenied::Malformed),
        }
    };
    let time = |name: &str| -> Result<Option<u64>, SignatureDenied> {
        match param(&list, name) {
            None => Ok(None),
            Some(BareItem::Integer(secs)) => u64::try_from(i64::from(*secs))
                .map(Some)
                .map_err(|_| SignatureDenied::Malformed),
            Some(_) => Err(SignatureDenied::Malformed),
        }
    };
    let (keyid, alg, nonce, tag) = (text("keyid")?, text("alg")?, text("nonce")?, text("tag")?);
    let (created, expires) = (time("created")?, time("expires")?);
    let components = components(&list.items)?;
    Ok(Presented {
        components,
        params: one_spelling(ListEntry::InnerList(list))?,
        keyid,
        alg,
        created,
        expires,
        nonce,
        tag,
        signature,
    })
}

fn param<'l>(list: &'l InnerList, name: &str) -> Option<&'l BareItem> {
    let key = KeyRef::from_str(name).ok()?;
    list.params.get(key)
}

/// What is covered; nothing twice (RFC 9421 section 2).
fn components(items: &[Item]) -> Result<Vec<Component>, SignatureDenied> {
    let mut components: Vec<Component> = Vec::with_capacity(items.len());
    for item in items {
        let component = Component::read(item)?;
        let twice = |known: &Component| known.identifier == component.identifier;
        if components.iter().any(twice) {
            return Err(SignatureDenied::Malformed);
        }
        components.push(component);
    }
    Ok(components)
}

/// A member in its one spelling (RFC 8941 section 4.1).
pub(super) fn one_spelling(member: ListEntry) -> Result<String, SignatureDenied> {
    let list: List = vec![member];
    list.serialize().ok_or(SignatureDenied::Malformed)
}
