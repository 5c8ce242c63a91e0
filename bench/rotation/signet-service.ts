/** A resource service with nothing in it but the trust module. It runs under an account of its own. */
import { Controller, Get, Module, type DynamicModule } from '@nestjs/common';
import { z } from 'zod';
import {
  defineSettings,
  HealthModule,
  httpSettings,
  NATS_LINK,
  natsSettings,
  NatsModule,
  runService,
  setting,
  trustSettings,
  type Settings,
} from '#service-kit';
import { KeyRing } from '#trust';
import type { NatsLink } from '#trust/nats';
import { trustCheck, TrustModule } from '#trust/nest';

const settings = defineSettings({
  ...httpSettings,
  ...natsSettings,
  ...trustSettings,
  serviceName: setting(z.string(), { doc: 'the name of its account in NATS' }),
  audience: setting(z.string(), { doc: 'the audience of the tokens that it takes' }),
});

@Controller('work')
class WorkController {
  @Get()
  work() {
    return { done: true };
  }
}

@Module({ controllers: [WorkController] })
class SignetService {
  static forRoot({ serviceName, audience, ...rest }: Settings<typeof settings>): DynamicModule {
    return {
      module: SignetService,
      imports: [
        NatsModule.forRoot(serviceName, rest),
        TrustModule.forRootAsync({
          inject: [NATS_LINK],
          useFactory: (nats: NatsLink) => ({
            issuer: rest.issuer,
            issuerFetchUrl: rest.issuerFetchUrl,
            audience,
            anchors: rest.trustAnchorPublic,
            nats,
          }),
        }),
        HealthModule.forRoot({ inject: [KeyRing], checks: (ring: KeyRing) => [trustCheck(ring)] }),
      ],
    };
  }
}

await runService(SignetService.forRoot, { service: 'bench', version: '0', settings });
