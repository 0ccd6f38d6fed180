//! `/health` and `/v1/models`: answered here, with no upstream and no stack.

use bytes::Bytes;
use http::StatusCode;
use pingora::Result;
use pingora::proxy::Session;
use serde_json::{Value, json};
use tollgate_providers::Dialect;
use tollgate_providers::endpoint::Endpoint;

use crate::proxy::Gateway;
use crate::proxy::ctx::Ctx;
use crate::proxy::respond::{self, Failure};

/// `true` if the endpoint is one of ours and was answered.
pub(crate) async fn answer(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
    endpoint: &Endpoint,
) -> Result<bool> {
    let (status, body) = match endpoint {
        Endpoint::Health if gateway.shared.is_draining() => {
            (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "draining" }))
        }
        Endpoint::Health => (StatusCode::OK, json!({ "status": "ok" })),
        Endpoint::Models => (StatusCode::OK, list(ctx)),
        Endpoint::Model(id) => match one(ctx, id) {
            Some(model) => (StatusCode::OK, model),
            None => {
                unknown(session, ctx, id).await?;
                return Ok(true);
            }
        },
        _ => return Ok(false),
    };
    respond::json(session, ctx, status, Bytes::from(body.to_string()), Vec::new()).await?;
    Ok(true)
}

/// The list in the caller's dialect: OpenAI's, or Anthropic's pages (there is always one).
fn list(ctx: &Ctx) -> Value {
    let models: Vec<_> = ctx
        .snapshot
        .settings
        .table
        .models()
        .iter()
        .filter(|model| is_allowed(ctx, &model.id))
        .map(|model| entry(ctx.dialect, &model.id, &model.owner))
        .collect();
    if ctx.dialect == Dialect::Messages {
        let end = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
        let (first, last) = (end(models.first()), end(models.last()));
        return json!({ "data": models, "has_more": false, "first_id": first, "last_id": last });
    }
    json!({ "object": "list", "data": models })
}

fn one(ctx: &Ctx, id: &str) -> Option<Value> {
    let models = ctx.snapshot.settings.table.models();
    models
        .iter()
        .find(|model| *model.id == *id && is_allowed(ctx, id))
        .map(|model| entry(ctx.dialect, &model.id, &model.owner))
}

/// Whether the caller's key is for the model, by its own name or that of the route or function it leads to.
fn is_allowed(ctx: &Ctx, id: &str) -> bool {
    let Some(caller) = &ctx.caller else { return true };
    let led_to = || ctx.snapshot.settings.table.names_behind(id).into_iter();
    caller.may_ask_for(std::iter::once(id)) || caller.may_ask_for(led_to())
}

fn entry(dialect: Dialect, id: &str, owner: &str) -> Value {
    match dialect {
        Dialect::Messages => json!({
            "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z",
        }),
        _ => {
            json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
        }
    }
}

async fn unknown(session: &mut Session, ctx: &mut Ctx, id: &str) -> Result<()> {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(128).collect();
    let message = format!("the model `{shown}` does not exist or is not configured");
    let failure = Failure {
        status: StatusCode::NOT_FOUND,
        code: "UnknownModel",
        message: &message,
        param: Some("model"),
    };
    respond::fail(session, ctx, &failure, Vec::new()).await
}
