import { Body, Controller, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { CurrentCaller, Scopes, type Caller } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import { roles } from '../accounts/scopes.js';
import { AccountStatusService } from './account-status.service.js';
import type { Account } from '../accounts/account.entity.js';

const accountId = z.uuid();
const accountView = z.strictObject({
  id: z.uuid(),
  email: z.email(),
  roles: z.array(z.enum(roles)),
  createdAt: z.iso.datetime(),
  disabledAt: z.iso.datetime().nullable(),
});

const rolesBody = z.strictObject({
  roles: z
    .array(z.enum(roles))
    .min(1)
    .max(roles.length)
    .refine((names) => new Set(names).size === names.length, 'A role is named twice'),
});

/** The routes by which an administrator disables and enables accounts, and sets their roles. */
@ApiTags('admin')
@Scopes('accounts:manage')
@Controller('admin/accounts')
export class AccountAdminController {
  constructor(private readonly status: AccountStatusService) {}

  @Post(':id/disable')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Disable an account: it cannot log in, its sessions end, and every service refuses its tokens',
  })
  @ApiOkResponse({ standardSchema: accountView })
  @ApiProblems('account_not_found')
  async disable(@Param('id', { schema: accountId }) id: string) {
    return shown(await this.status.disable(id));
  }

  @Post(':id/enable')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Enable an account: it can log in again; its old sessions and tokens stay revoked',
  })
  @ApiOkResponse({ standardSchema: accountView })
  @ApiProblems('account_not_found')
  async enable(@Param('id', { schema: accountId }) id: string) {
    return shown(await this.status.enable(id));
  }

  @Put(':id/roles')
  @ApiOperation({
    summary: 'Set the roles of an account; if it loses one, every service refuses its present access tokens',
  })
  @ApiOkResponse({ standardSchema: accountView })
  @ApiProblems('account_not_found', 'own_roles')
  async setRoles(
    @CurrentCaller() { sub }: Caller,
    @Param('id', { schema: accountId }) id: string,
    @Body({ schema: rolesBody }) { roles: names }: z.infer<typeof rolesBody>,
  ) {
    return shown(await this.status.setRoles(id, names, { by: sub }));
  }
}

function shown({ id, email, roles: held, createdAt, disabledAt }: Account) {
  return { id, email, roles: held, createdAt, disabledAt };
}
