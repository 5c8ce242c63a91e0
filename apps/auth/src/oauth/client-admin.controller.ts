import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { algorithmNames } from '#jws';
import { Scopes } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import { clientId } from './client-registration.js';
import { ClientStatusService, type ClientFacts } from './client-status.service.js';

const time = z.iso.datetime();
const clientView = z.strictObject({
  id: z.string(),
  disabledAt: time.nullable(),
  revokedUntil: time
    .nullable()
    .describe('A disabled client can be enabled from then on, or now if this is null'),
  keys: z.array(
    z.strictObject({
      kid: z.string(),
      alg: z.enum(algorithmNames),
      addedAt: time,
      notAfter: time.nullable(),
    }),
  ),
});

/** The routes by which an administrator lists, disables and enables clients. A client is the account of a service. */
@ApiTags('admin')
@Scopes('accounts:manage')
@Controller('admin/clients')
export class ClientAdminController {
  constructor(private readonly status: ClientStatusService) {}

  @Get()
  @ApiOperation({ summary: 'All clients, with the keys that auth accepts from them now' })
  @ApiOkResponse({ standardSchema: z.strictObject({ clients: z.array(clientView) }) })
  async list(): Promise<{ clients: ClientFacts[] }> {
    return { clients: await this.status.list() };
  }

  @Post(':id/disable')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Disable a client: it gets no token, and every service refuses the tokens that it got',
  })
  @ApiOkResponse({ standardSchema: clientView })
  @ApiProblems('client_not_found', 'client_of_logins')
  disable(@Param('id', { schema: clientId }) id: string): Promise<ClientFacts> {
    return this.status.disable(id);
  }

  @Post(':id/enable')
  @HttpCode(200)
  @ApiOperation({ summary: 'Enable a client, once no service refuses its tokens any more' })
  @ApiOkResponse({ standardSchema: clientView })
  @ApiProblems('client_not_found', 'client_still_revoked')
  enable(@Param('id', { schema: clientId }) id: string): Promise<ClientFacts> {
    return this.status.enable(id);
  }
}
