import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { pageQuery, type Page, type PageQuery } from '#service-kit';
import { Public, Scopes } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import { EntriesService } from './entries.service.js';
import type { Entry } from './entry.entity.js';
import { entry, entryId, entryPage, newEntry, type EntryView, type NewEntry } from './entry.schemas.js';

@ApiTags('entries')
@Controller('entries')
export class EntriesController {
  constructor(private readonly entries: EntriesService) {}

  @Get()
  @ApiOperation({ summary: 'List all entries in pages, the newest first' })
  @ApiOkResponse({ standardSchema: entryPage })
  async list(@Query({ schema: pageQuery }) query: PageQuery): Promise<Page<EntryView>> {
    const page = await this.entries.list(query);
    return { ...page, items: page.items.map(view) };
  }

  @Public()
  @Get(':id')
  @ApiOperation({ summary: 'Get one entry' })
  @ApiOkResponse({ standardSchema: entry })
  @ApiProblems('entry_not_found')
  async get(@Param('id', { schema: entryId }) id: string): Promise<EntryView> {
    return view(await this.entries.get(id));
  }

  @Scopes('sample:write')
  @Post()
  @ApiOperation({ summary: 'Add an entry' })
  @ApiCreatedResponse({ standardSchema: entry })
  async add(@Body({ schema: newEntry }) body: NewEntry): Promise<EntryView> {
    return view(await this.entries.add(body));
  }
}

function view({ id, title, createdAt }: Entry): EntryView {
  return { id, title, createdAt: createdAt.toISOString() };
}
