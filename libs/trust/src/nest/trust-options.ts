import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { VerifierOptions } from '../verifier.js';

export interface TrustModuleOptions extends VerifierOptions {
  /**
   * The base URL of this service, as clients see it. Then each challenge says where its metadata are (RFC 9728 §5.1). The
   * application serves them.
   */
  readonly resourceUrl?: string;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: TRUST_OPTIONS } =
  new ConfigurableModuleBuilder<TrustModuleOptions>().setClassMethodName('forRoot').build();
