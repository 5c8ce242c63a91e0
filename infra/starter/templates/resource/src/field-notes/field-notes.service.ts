import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { keysetPage, type Page, type PageQuery } from '#service-kit';
import { SampleError } from '../errors.js';
import { FieldNote } from './field-note.entity.js';
import type { FieldNoteContent } from './field-note.schemas.js';

/** Every method acts for one user and finds only the rows of this user. */
@Injectable()
export class FieldNotesService {
  constructor(@InjectRepository(FieldNote) private readonly fieldNotes: Repository<FieldNote>) {}

  /** Those of the user, the newest first. */
  list(userId: string, page: PageQuery): Promise<Page<FieldNote>> {
    const own = this.fieldNotes.createQueryBuilder('row').where('row.userId = :userId', { userId });
    return keysetPage(own, page);
  }

  /** @throws SampleError `field_note_not_found` */
  async get(userId: string, id: string): Promise<FieldNote> {
    const found = await this.fieldNotes.findOneBy({ id, userId });
    if (!found) throw new SampleError('field_note_not_found');
    return found;
  }

  /** Adds one with a new id. */
  async add(userId: string, { title }: FieldNoteContent): Promise<FieldNote> {
    const id = randomUUID();
    await this.fieldNotes.insert({ id, userId, title });
    return this.get(userId, id);
  }

  /** @throws SampleError `field_note_not_found` */
  async change(userId: string, id: string, { title }: FieldNoteContent): Promise<FieldNote> {
    await this.fieldNotes.update({ id, userId }, { title });
    return this.get(userId, id);
  }

  /** @throws SampleError `field_note_not_found` */
  async remove(userId: string, id: string): Promise<void> {
    const { affected } = await this.fieldNotes.delete({ id, userId });
    if (affected === 0) throw new SampleError('field_note_not_found');
  }
}
