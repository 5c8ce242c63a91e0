import type { Settings, SettingsDefinition } from './settings.js';
import { loadSettings, SettingsError } from './settings.js';

/** Loads the settings, or prints their faults and exits. Nothing else reads the environment. */
export function settingsOrExit<D extends SettingsDefinition>(definition: D): Settings<D> {
  try {
    return loadSettings(definition, process.env) as Settings<D>;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
