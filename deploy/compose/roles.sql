-- Who enters the database (docs/operations.md), with passwords from the environment.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
\getenv backup_password BACKUP_PASSWORD
CREATE ROLE pockettrend_owner LOGIN PASSWORD :'owner_password' NOSUPERUSER NOBYPASSRLS;
CREATE ROLE pockettrend_app LOGIN PASSWORD :'app_password' NOSUPERUSER NOBYPASSRLS;
CREATE ROLE pockettrend_backup LOGIN PASSWORD :'backup_password' BYPASSRLS;
CREATE DATABASE pockettrend OWNER pockettrend_owner
  TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C';
GRANT pg_read_all_data TO pockettrend_backup;
