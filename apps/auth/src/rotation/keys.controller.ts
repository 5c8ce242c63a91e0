import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { openApiSchema } from '#service-kit';
import { Scopes } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import { KeyRevocationService } from './key-revocation.service.js';
import { RotationService, type RotationResult } from './rotation.service.js';
import type { KeyRecord } from '../keys/key-life-cycle.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { NewestStatement } from '../key-set/newest-statement.js';
import { keyList, revokeBody, revoked, rotateBody, rotated, waiting } from './key.schemas.js';

/** The routes by which an administrator manages signing keys. No answer holds a private half. */
@ApiTags('admin')
@Scopes('keys:manage')
@Controller('admin')
export class KeysController {
  constructor(
    private readonly keySet: KeySetService,
    private readonly newest: NewestStatement,
    private readonly rotations: RotationService,
    private readonly revocations: KeyRevocationService,
  ) {}

  @Get('keys')
  @ApiOperation({
    summary:
      'List all keys of the key store, the epoch of the last statement, and what an open rotation waits for',
  })
  @ApiOkResponse({ standardSchema: keyList })
  async list() {
    const [keys, rotation] = await Promise.all([this.keySet.allKeys(), this.rotations.current()]);
    const shown = keys.map((key) => {
      const { seal: _seal, ...facts } = key;
      return { ...facts, jwksCachedUntil: signs(key) ? this.rotations.jwksCachedUntil(key) : null };
    });
    return { epoch: this.newest.current?.epoch ?? null, keys: shown, rotation: rotation ?? null };
  }

  @Post('keys/rotate')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Rotate the signing key; 200: the new key is active, 202: after 10 s the rotation still waits',
  })
  @ApiBody({ required: false, schema: openApiSchema(rotateBody) })
  @ApiOkResponse({ standardSchema: rotated })
  @ApiResponse({ status: 202, standardSchema: waiting })
  @ApiProblems(
    'rotation_in_progress',
    'rotation_aborted',
    'too_many_keys',
    'no_signing_key',
    'database_went_back',
  )
  async rotate(
    @Body({ schema: rotateBody.optional() }) body: z.infer<typeof rotateBody> | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return answer(await this.rotations.rotate(body?.alg, body), reply);
  }

  @Post('rotations/current/proceed')
  @HttpCode(200)
  @ApiOperation({ summary: 'Activate the new key now, also if verifiers do not hold it yet' })
  @ApiOkResponse({ standardSchema: rotated })
  @ApiResponse({ status: 202, standardSchema: waiting })
  @ApiProblems('no_rotation', 'rotation_aborted', 'database_went_back')
  async proceed(@Res({ passthrough: true }) reply: FastifyReply) {
    return answer(await this.rotations.proceed(), reply);
  }

  @Post('rotations/current/abort')
  @HttpCode(204)
  @ApiOperation({ summary: 'Abort the rotation; its key stays prepared' })
  @ApiNoContentResponse()
  @ApiProblems('no_rotation', 'database_went_back')
  async abort(): Promise<void> {
    await this.rotations.abort();
  }

  @Post('keys/:kid/revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'Revoke a key now; use `includeStandby` if the whole key store may be stolen' })
  @ApiOkResponse({ standardSchema: revoked })
  @ApiProblems('key_not_found', 'key_not_revocable', 'too_many_keys', 'database_went_back')
  revoke(@Param('kid') kid: string, @Body({ schema: revokeBody }) body: z.infer<typeof revokeBody>) {
    return this.revocations.revoke(kid, { ...body, note: body.note ?? null });
  }
}

function answer(result: RotationResult, reply: FastifyReply) {
  const { done, ...facts } = result;
  reply.status(done ? 200 : 202);
  return facts;
}

/** Whether the key signs tokens, or may sign them soon. */
const signs = ({ status }: KeyRecord) => status === 'active' || status === 'prepared';
