import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { keysetPage, type Page, type PageQuery } from '#service-kit';
import { SampleError } from '../errors.js';
import { Entry } from './entry.entity.js';
import type { NewEntry } from './entry.schemas.js';

@Injectable()
export class EntriesService {
  constructor(@InjectRepository(Entry) private readonly entries: Repository<Entry>) {}

  /** All entries, the newest first. */
  list(page: PageQuery): Promise<Page<Entry>> {
    return keysetPage(this.entries.createQueryBuilder('entry'), page);
  }

  /** @throws SampleError `entry_not_found` */
  async get(id: string): Promise<Entry> {
    const found = await this.entries.findOneBy({ id });
    if (!found) throw new SampleError('entry_not_found');
    return found;
  }

  /** Adds an entry with a new id. */
  async add({ title }: NewEntry): Promise<Entry> {
    const id = randomUUID();
    await this.entries.insert({ id, title });
    return this.get(id);
  }
}
