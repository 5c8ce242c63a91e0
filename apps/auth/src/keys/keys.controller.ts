import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { algorithmNames, type AlgorithmName } from '#jws';
import { keyRevocationReasons } from '#statements';
import { Scopes } from '#trust/nest';
import { AnchorExchangeService } from '../anchor/anchor-exchange.service.js';
import { AcknowledgementsService } from '../rotation/acknowledgements.service.js';
import { RotationService, type RotationResult } from '../rotation/rotation.service.js';
import type { KeyRecord } from './key-life-cycle.js';
import { KeySetService } from './key-set.service.js';

const rotateBody = z.strictObject({
  alg: z.enum(algorithmNames as [AlgorithmName]).optional(),
  waitForThirdParties: z
    .boolean()
    .optional()
    .describe('Also wait until no third party can hold a cached JWKS without the key'),
});
const revokeBody = z.strictObject({
  reason: z.enum(keyRevocationReasons),
  note: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(/^\P{Surrogate}*$/u, 'must be well-formed Unicode')
    .optional()
    .describe("The operator's own words, for auth's database and log; never published"),
  includeStandby: z.boolean().default(false),
});

/** Signing keys for those who look after them. Private halves are shown nowhere. */
@ApiTags('admin')
@Scopes('keys:manage')
@Controller('admin')
export class KeysController {
  constructor(
    private readonly keySet: KeySetService,
    private readonly rotations: RotationService,
    private readonly acknowledgements: AcknowledgementsService,
    private readonly anchors: AnchorExchangeService,
  ) {}

  @Get('keys')
  @ApiOperation({ summary: 'Every key that ever was, the last statement, and what a rotation waits for' })
  async list() {
    const [keys, rotation] = await Promise.all([this.keySet.list(), this.rotations.current()]);
    const shown = keys.map((key) => {
      const { seal: _seal, ...facts } = key;
      return { ...facts, jwksCachedUntil: signs(key) ? this.rotations.jwksCachedUntil(key) : null };
    });
    return { epoch: this.keySet.current?.epoch ?? null, keys: shown, rotation: rotation ?? null };
  }

  @Get('verifiers')
  @ApiOperation({
    summary: 'Every verifier that a rotation waits for, what it holds, and whom an anchor exchange waits for',
  })
  async verifiers() {
    const now = performance.now();
    const verifiers = this.acknowledgements
      .counted()
      .map(({ seenAt, at: _at, clockSkewMs, ...verifier }) => ({
        ...verifier,
        ageMs: Math.round(now - seenAt),
        clockSkewMs: Math.round(clockSkewMs),
      }));
    return {
      complete: this.acknowledgements.isComplete(),
      verifiers,
      refused: this.acknowledgements.refused(),
      anchorExchange: await this.anchors.waiting(),
    };
  }

  @Post('keys/rotate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Rotate: 200 once the new key is active, 202 if it still waits after 10 s' })
  async rotate(
    @Body({ schema: rotateBody.optional() }) body: z.infer<typeof rotateBody> | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return answer(await this.rotations.rotate(body?.alg, body), reply);
  }

  @Post('rotations/current/proceed')
  @HttpCode(200)
  @ApiOperation({ summary: 'Activate the new key without waiting for those who do not hold it' })
  async proceed(@Res({ passthrough: true }) reply: FastifyReply) {
    return answer(await this.rotations.proceed(), reply);
  }

  @Post('rotations/current/abort')
  @HttpCode(204)
  @ApiOperation({ summary: 'Call the rotation off; its key stays prepared' })
  async abort(): Promise<void> {
    await this.rotations.abort();
  }

  @Post('keys/:kid/revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'Revoke a key, now; `includeStandby` where the whole key store may be stolen' })
  revoke(@Param('kid') kid: string, @Body({ schema: revokeBody }) body: z.infer<typeof revokeBody>) {
    return this.rotations.revoke(kid, { ...body, note: body.note ?? null });
  }
}

function answer(result: RotationResult, reply: FastifyReply) {
  const { done, ...facts } = result;
  reply.status(done ? 200 : 202);
  return facts;
}

/** Whether tokens of the key are made, or may be soon. */
const signs = ({ status }: KeyRecord) => status === 'active' || status === 'prepared';
