//! What a started run shows of itself in the Web UI. All of it is stored in clear text there, so it
//! holds names and ids, never content.

use sbh_domain::{ChannelId, DocumentId, RepositoryId, TenantId};
use sbh_workflows::search_attributes::{CONCERN_KEY, REPOSITORY_KEY, TENANT_KEY};
use temporalio_client::Priority;
use temporalio_common::search_attributes::SearchAttributes;

/// The server keeps 400 bytes of a summary, and 255 of a keyword.
const SHOWN_BYTES: usize = 200;

/// How soon work is to be done compared with other work of the same queue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Urgency {
    /// Somebody waits for it.
    High,
    /// A change came in.
    Normal,
}

impl Urgency {
    /// Tenants share each level fairly.
    pub(super) fn priority(self, tenant: &TenantId) -> Priority {
        let level: u32 = match self {
            Self::High => 1,
            Self::Normal => 3,
        };
        Priority::builder().priority_key(level).fairness_key(tenant.as_str()).build()
    }
}

/// What is shown of a run.
#[derive(Debug)]
pub(super) struct About {
    pub(super) search_attributes: SearchAttributes,
    pub(super) summary: String,
    pub(super) details: String,
}

/// About the run of a repository.
pub(super) fn about_repository(tenant: &TenantId, repository: RepositoryId, name: &str) -> About {
    let name = shown(name);
    About {
        search_attributes: SearchAttributes::new([
            TENANT_KEY.value_set(tenant.to_string()),
            CONCERN_KEY.value_set("repo_sync".to_owned()),
            REPOSITORY_KEY.value_set(name.clone()),
        ]),
        summary: format!("follows {name}"),
        details: format!("- repository: `{name}` ({repository})\n- tenant: `{tenant}`\n"),
    }
}

/// About the run of one of a repository's other concerns.
pub(super) fn about_repository_s(
    tenant: &TenantId,
    repository: RepositoryId,
    name: &str,
    concern: &str,
    does: &str,
) -> About {
    let name = shown(name);
    About {
        search_attributes: SearchAttributes::new([
            TENANT_KEY.value_set(tenant.to_string()),
            CONCERN_KEY.value_set(concern.to_owned()),
            REPOSITORY_KEY.value_set(name.clone()),
        ]),
        summary: format!("{does} of {name}"),
        details: format!("- repository: `{name}` ({repository})\n- tenant: `{tenant}`\n"),
    }
}

/// About the run of a document, whose repository and path may be unknown here.
pub(super) fn about_document(
    tenant: &TenantId,
    document: DocumentId,
    place: Option<(&str, &str)>,
) -> About {
    let mut attributes = vec![
        TENANT_KEY.value_set(tenant.to_string()),
        CONCERN_KEY.value_set("spec_drift".to_owned()),
    ];
    let mut details = format!("- document: {document}\n- tenant: `{tenant}`\n");
    let summary = match place {
        Some((repository, path)) => {
            let (repository, path) = (shown(repository), shown(path));
            details += &format!("- repository: `{repository}`\n- path: `{path}`\n");
            let summary = format!("proves {path}");
            attributes.push(REPOSITORY_KEY.value_set(repository));
            summary
        }
        None => format!("proves document {document}"),
    };
    About { search_attributes: SearchAttributes::new(attributes), summary, details }
}

/// About the run of an alert channel.
pub(super) fn about_channel(tenant: &TenantId, channel: ChannelId) -> About {
    About {
        search_attributes: SearchAttributes::new([
            TENANT_KEY.value_set(tenant.to_string()),
            CONCERN_KEY.value_set("notify".to_owned()),
        ]),
        summary: format!("tells channel {channel}"),
        details: format!("- alert channel: {channel}\n- tenant: `{tenant}`\n"),
    }
}

/// A name from outside, fit for one line of Markdown code.
fn shown(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars() {
        if shown.len() + c.len_utf8() > SHOWN_BYTES {
            break;
        }
        shown.push(if c.is_control() || c == '`' { ' ' } else { c });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_cut_and_cannot_leave_their_place() {
        assert_eq!(shown("a`b\nc"), "a b c");
        assert_eq!(shown(&"ä".repeat(500)).len(), SHOWN_BYTES);
        let tenant: TenantId = "demo".parse().unwrap();
        let document = DocumentId(uuid::Uuid::nil());
        let path = "x".repeat(1_000);
        let about = about_document(&tenant, document, Some(("shop", path.as_str())));
        assert!(about.summary.len() <= 400);
        assert_eq!(about.search_attributes.get(&REPOSITORY_KEY).as_deref(), Some("shop"));
        assert_eq!(about.search_attributes.get(&TENANT_KEY).as_deref(), Some("demo"));
    }
}
