//! Migrations, roles and databases: what the owner of the database does.

use crate::StoreError;

/// Passwords of the two roles that the programs use.
#[derive(Clone, Debug)]
pub struct RolePasswords {
    /// Of `sbh_app`.
    pub app: String,
    /// Of `sbh_dispatch`.
    pub dispatch: String,
}

/// Creates or updates the roles `sbh_owner`, `sbh_app`, `sbh_dispatch` and the database
/// (`admin_url` names it), and applies the migrations of `migrations/` as `sbh_owner`. Safe to repeat
/// and to run from several programs at once.
///
/// # Errors
/// [`StoreError::Setup`] says what the database refused.
pub async fn migrate(admin_url: &str, passwords: &RolePasswords) -> Result<(), StoreError> {
    let _ = (admin_url, passwords);
    todo!()
}
