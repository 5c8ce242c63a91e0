import { Controller, Get, Inject } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Public, RESOURCE_METADATA_PATH } from '#trust/nest';
import { scopesOf } from './routes.js';

/** RFC 9728 §2. */
const resourceMetadata = z.strictObject({
  resource: z.url(),
  resource_name: z.string().describe('The audience of the tokens for this service'),
  authorization_servers: z.array(z.url()),
  scopes_supported: z.array(z.string()),
  bearer_methods_supported: z.array(z.literal('header')),
  resource_documentation: z.url(),
});

/** What a resource service tells about itself. */
export interface ResourceFacts {
  readonly service: string;
  /** Its public base URL. */
  readonly resourceUrl: string;
  readonly issuer: string;
}

/** Injection token of the {@link ResourceFacts}. */
export const RESOURCE_FACTS = Symbol('resource-facts');

/**
 * Serves the protected resource metadata (RFC 9728): by them, a client that knows only the URL of this service finds the
 * issuer. They are not signed, so a client must compare `resource` with the URL that it asked (§3.3).
 */
@Public()
@ApiTags('well-known')
@Controller()
export class ResourceMetadataController {
  private readonly metadata: z.infer<typeof resourceMetadata>;

  constructor(
    @Inject(RESOURCE_FACTS) { service, resourceUrl, issuer }: ResourceFacts,
    modules: ModulesContainer,
  ) {
    this.metadata = {
      resource: resourceUrl,
      resource_name: service,
      authorization_servers: [issuer],
      scopes_supported: scopesOf(modules),
      bearer_methods_supported: ['header'],
      resource_documentation: `${resourceUrl}/docs`,
    };
  }

  @Get(RESOURCE_METADATA_PATH)
  @ApiOperation({ summary: 'Get the protected resource metadata (RFC 9728)' })
  @ApiOkResponse({ standardSchema: resourceMetadata })
  show() {
    return this.metadata;
  }
}
