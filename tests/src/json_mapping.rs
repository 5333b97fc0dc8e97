//! A receipt message in protobuf's own JSON mapping, as a generic client prints it.

use serde_json::{Map, Value, json};
use trialseal_core::encoding::base64_encode;
use trialseal_proto::v1;

/// The JSON of a receipt. A message that is not set is `null`, as generic clients print it when
/// asked for default values; of an `optional` field that is not set nothing is printed.
#[must_use]
pub fn receipt(receipt: &v1::Receipt) -> String {
    let record = receipt.record.as_ref().expect("a record");
    let evidence: Vec<Value> = receipt.evidence.iter().map(evidence).collect();
    let message = json!({
        "format": receipt.format,
        "record": {
            "what": part(record.what.as_ref()),
            "who": part(record.who.as_ref()),
            "why": part(record.why.as_ref()),
            "when": part(record.when.as_ref()),
        },
        "submission": receipt.submission.as_ref().map(submission),
        "evidence": evidence,
    });
    serde_json::to_string_pretty(&message).expect("JSON")
}

fn part(part: Option<&v1::Part>) -> Value {
    let Some(part) = part else { return Value::Null };
    let salt = part.salt.as_ref().map(|salt| base64_encode(salt));
    fields([
        ("salt", salt),
        ("text", part.text.clone()),
        ("withheld", part.withheld.clone()),
    ])
}

fn submission(submission: &v1::Submission) -> Value {
    fields([
        ("note", submission.note.clone()),
        ("withheld", submission.withheld.clone()),
    ])
}

fn evidence(evidence: &v1::Evidence) -> Value {
    let timestamps = evidence.timestamps.iter();
    let timestamps: Vec<Value> = timestamps
        .map(|one| json!({"token": base64_encode(&one.token), "type": one.r#type}))
        .collect();
    let mut message = json!({"proof": evidence.proof, "timestamps": timestamps});
    if let (Some(cose), Some(fields)) = (&evidence.cose, message.as_object_mut()) {
        fields.insert("cose".to_owned(), base64_encode(cose).into());
    }
    message
}

fn fields<const N: usize>(fields: [(&str, Option<String>); N]) -> Value {
    let set = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
    Value::Object(set.collect::<Map<_, _>>())
}
