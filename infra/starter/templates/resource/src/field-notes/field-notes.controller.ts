import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { pageQuery, type Page, type PageQuery } from '#service-kit';
import { CurrentCaller, Scopes, type Caller } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import type { FieldNote } from './field-note.entity.js';
import {
  fieldNote,
  fieldNoteContent,
  fieldNoteId,
  fieldNotePage,
  type FieldNoteContent,
  type FieldNoteView,
} from './field-note.schemas.js';
import { FieldNotesService } from './field-notes.service.js';

@ApiTags('field-notes')
@Controller('field-notes')
export class FieldNotesController {
  constructor(private readonly fieldNotes: FieldNotesService) {}

  @Scopes('sample:field-notes:read')
  @Get()
  @ApiOperation({ summary: 'List your field notes in pages, the newest first' })
  @ApiOkResponse({ standardSchema: fieldNotePage })
  async list(
    @CurrentCaller() { sub }: Caller,
    @Query({ schema: pageQuery }) query: PageQuery,
  ): Promise<Page<FieldNoteView>> {
    const page = await this.fieldNotes.list(sub, query);
    return { ...page, items: page.items.map(view) };
  }

  @Scopes('sample:field-notes:read')
  @Get(':id')
  @ApiOperation({ summary: 'Get one of your field notes' })
  @ApiOkResponse({ standardSchema: fieldNote })
  @ApiProblems('field_note_not_found')
  async get(
    @CurrentCaller() { sub }: Caller,
    @Param('id', { schema: fieldNoteId }) id: string,
  ): Promise<FieldNoteView> {
    return view(await this.fieldNotes.get(sub, id));
  }

  @Scopes('sample:field-notes:write')
  @Post()
  @ApiOperation({ summary: 'Add to your field notes' })
  @ApiCreatedResponse({ standardSchema: fieldNote })
  async add(
    @CurrentCaller() { sub }: Caller,
    @Body({ schema: fieldNoteContent }) body: FieldNoteContent,
  ): Promise<FieldNoteView> {
    return view(await this.fieldNotes.add(sub, body));
  }

  @Scopes('sample:field-notes:write')
  @Put(':id')
  @ApiOperation({ summary: 'Change one of your field notes' })
  @ApiOkResponse({ standardSchema: fieldNote })
  @ApiProblems('field_note_not_found')
  async change(
    @CurrentCaller() { sub }: Caller,
    @Param('id', { schema: fieldNoteId }) id: string,
    @Body({ schema: fieldNoteContent }) body: FieldNoteContent,
  ): Promise<FieldNoteView> {
    return view(await this.fieldNotes.change(sub, id, body));
  }

  @Scopes('sample:field-notes:write')
  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete one of your field notes' })
  @ApiNoContentResponse()
  @ApiProblems('field_note_not_found')
  remove(@CurrentCaller() { sub }: Caller, @Param('id', { schema: fieldNoteId }) id: string): Promise<void> {
    return this.fieldNotes.remove(sub, id);
  }
}

function view({ id, title, createdAt }: FieldNote): FieldNoteView {
  return { id, title, createdAt: createdAt.toISOString() };
}
