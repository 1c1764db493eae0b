//! Values as counts and strings, the forms that every server of a version reads.

use super::put::Out;
use crate::rdb::HashField;

pub(crate) fn put_scored(out: &mut Out, members: &[(Vec<u8>, f64)]) {
    out.len(members.len() as u64);
    for (member, score) in members {
        out.string(member);
        out.put(&score.to_bits().to_le_bytes());
    }
}

pub(crate) fn put_plain_hash(out: &mut Out, fields: &[HashField]) {
    out.len(fields.len() as u64);
    for field in fields {
        out.string(&field.field);
        out.string(&field.value);
    }
}

/// `rdbSaveObject`, Redis 7.4: the earliest expiry, then each counted from it, plus 1.
pub(crate) fn put_redis_hash(
    out: &mut Out,
    fields: &[HashField],
    expiry: impl Fn(&HashField) -> Option<u64>,
) {
    let earliest = fields.iter().filter_map(&expiry).min().unwrap_or_default();
    out.put(&earliest.to_le_bytes());
    out.len(fields.len() as u64);
    for field in fields {
        out.len(expiry(field).map_or(0, |at| at - earliest + 1));
        out.string(&field.field);
        out.string(&field.value);
    }
}

pub(crate) fn put_valkey_hash(
    out: &mut Out,
    fields: &[HashField],
    expiry: impl Fn(&HashField) -> Option<u64>,
) {
    out.len(fields.len() as u64);
    for field in fields {
        out.string(&field.field);
        out.string(&field.value);
        out.put(&expiry(field).unwrap_or(u64::MAX).to_le_bytes());
    }
}

/// Release candidates of Redis 7.4: absolute times.
pub(crate) fn put_redis_hash_rc(out: &mut Out, fields: &[HashField]) {
    out.len(fields.len() as u64);
    for field in fields {
        out.len(field.expire_at_ms.unwrap_or_default());
        out.string(&field.field);
        out.string(&field.value);
    }
}

/// `rdbSaveDoubleValue`: scores as text, before RDB version 8.
pub(crate) fn put_text_scored(out: &mut Out, members: &[(Vec<u8>, f64)]) {
    out.len(members.len() as u64);
    for (member, score) in members {
        out.string(member);
        match *score {
            f64::INFINITY => out.bytes.push(254),
            f64::NEG_INFINITY => out.bytes.push(255),
            score => {
                let text = score_text(score);
                out.bytes.push(text.len() as u8);
                out.put(text.as_bytes());
            }
        }
    }
}

/// The shortest text that reads back as the same number, integers without a fraction as the servers write them.
pub(crate) fn score_text(score: f64) -> String {
    const EXACT_MAX: f64 = (1u64 << 52) as f64;
    match score {
        0.0 if score.is_sign_negative() => String::from("-0"),
        _ if score.fract() == 0.0 && score.abs() < EXACT_MAX => format!("{score:.0}"),
        _ => format!("{score:?}"),
    }
}
