import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { ClientAddress } from '#service-kit';
import { Public } from '#trust/nest';
import { AccountsService } from './accounts.service.js';

/** E-mail addresses are compared in lower case and NFC. */
export const emailField = z
  .string()
  .max(254)
  .transform((text) => text.trim().normalize('NFC').toLowerCase())
  .pipe(z.email());

const registerBody = z.strictObject({ email: emailField, password: z.string().min(1).max(1024) });

@ApiTags('accounts')
@Controller('auth')
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @Public()
  @Post('register')
  @ApiOperation({ summary: 'Make an account; it may shop' })
  async register(
    @Body({ schema: registerBody }) body: z.infer<typeof registerBody>,
    @ClientAddress() address: string,
  ) {
    const { id, email } = await this.accounts.register(body, address);
    return { id, email };
  }
}
