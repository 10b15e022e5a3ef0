// What ESLint (9 or newer) checks in the browser's code: `eslint .`. No plugins, nothing to install.

const browser = [
  "AbortSignal", "Blob", "Element", "Event", "Image", "IntersectionObserver", "Intl", "MessageChannel", "MouseEvent",
  "MutationObserver", "ResizeObserver", "TextEncoder", "URL", "XMLHttpRequest", "addEventListener",
  "cancelAnimationFrame", "clearInterval", "clearTimeout", "console", "crypto", "devicePixelRatio",
  "document", "fetch", "getComputedStyle", "innerHeight", "innerWidth", "localStorage", "location",
  "performance", "queueMicrotask", "removeEventListener", "requestAnimationFrame",
  "sessionStorage", "setInterval", "setTimeout", "window",
]
const node = ["Blob", "Buffer", "Event", "EventTarget", "crypto", "performance", "setImmediate"]

const globals = names => Object.fromEntries(names.map(name => [name, "readonly"]))

const rules = {
  "consistent-return": "off",
  curly: ["error", "multi-line"],
  eqeqeq: ["error", "always", { null: "ignore" }],
  "no-const-assign": "error",
  "no-dupe-keys": "error",
  "no-duplicate-imports": "error",
  "no-eval": "error",
  "no-global-assign": "error",
  "no-implicit-globals": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-redeclare": "error",
  "no-self-assign": "error",
  "no-shadow": "error",
  "no-undef": "error",
  "no-unreachable": "error",
  "no-unused-expressions": ["error", { allowShortCircuit: true, allowTernary: true }],
  "no-unused-vars": "error",
  "no-use-before-define": ["error", { functions: false, variables: false }],
  "no-var": "error",
  "prefer-const": "error",
}

export default [
  { ignores: [".venv/**", "build/**", "workspace/**", "data/**"] },
  {
    files: ["sslapp/ui/components/**/*.js"],
    languageOptions: { sourceType: "module", globals: globals(browser) },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules,
  },
  {
    files: ["tests/browser_code/**/*.mjs", "eslint.config.js"],
    languageOptions: { sourceType: "module", globals: globals(node) },
    rules,
  },
]
