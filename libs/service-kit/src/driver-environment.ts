/**
 * Removes from this process's environment what the PostgreSQL driver reads there by itself: PGSSLMODE, PGOPTIONS and
 * the like complete a login that leaves an option out, and NODE_PG_FORCE_NATIVE wants another driver. They are meant
 * for `psql`. Our settings are the whole configuration, so a variable in somebody's shell must not change it.
 *
 * Import it before `pg`, which looks already while it loads.
 */
for (const name of Object.keys(process.env)) {
  if (/^(NODE_)?PG/.test(name)) delete process.env[name];
}
