/** The routes of an application, as its controllers declare them. */
import type { Type } from '@nestjs/common';
import { Reflector, type ModulesContainer } from '@nestjs/core';
import { requirementsOf, type RouteContext } from '#trust/nest';

/** Finds the routes of all controllers, by the id of their operation in the OpenAPI document. */
export function routesOf(modules: ModulesContainer): Map<string, RouteContext> {
  const found = new Map<string, RouteContext>();
  for (const module of modules.values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function') continue;
      const controller = metatype as Type<never>;
      const prototype = controller.prototype as Record<string, unknown>;
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const method = prototype[name];
        if (typeof method !== 'function' || name === 'constructor') continue;
        found.set(operationId(controller.name, name), {
          getClass: () => controller,
          getHandler: () => method as Type,
        });
      }
    }
  }
  return found;
}

export function operationId(controller: string, method: string): string {
  return `${controller.replace(/Controller$/, '')}_${method}`;
}

/** Returns every scope that a route requires, in the order of the alphabet. */
export function scopesOf(modules: ModulesContainer): string[] {
  const reflector = new Reflector();
  const required = [...routesOf(modules).values()].flatMap(
    (route) => requirementsOf(route, reflector, 'this service')?.scopes ?? [],
  );
  return [...new Set(required)].sort();
}
