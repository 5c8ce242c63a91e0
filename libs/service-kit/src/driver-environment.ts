/**
 * Removes the variables that the PostgreSQL driver reads by itself from the environment of this process. PGSSLMODE,
 * PGOPTIONS and others fill in options that a login leaves out, and NODE_PG_FORCE_NATIVE selects another driver. They
 * are meant for `psql`. A service is configured only by its settings, so a variable in somebody's shell must not change
 * it.
 *
 * Import it before `pg`, which reads the environment while it loads.
 */
for (const name of Object.keys(process.env)) {
  if (/^(NODE_)?PG/.test(name)) delete process.env[name];
}
