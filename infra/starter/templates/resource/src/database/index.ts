/** The entity and the migration of the template, as a service has its own. */
import { FieldNote } from '../field-notes/field-note.entity.js';
import { FieldNotes1790000000001 } from './migrations/1-field-notes.js';

export const entities = [FieldNote];

export const migrations = [FieldNotes1790000000001];
