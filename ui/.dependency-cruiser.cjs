/** Who may import whom. Calls go down: routes -> features -> run, ui -> api; strings are for everybody. */
const error = (name, comment, from, to) => ({ name, severity: "error", comment, from, to });

module.exports = {
  forbidden: [
    error("no-circles", "A circle has no floor to stand on.", {}, { circular: true }),
    error(
      "features-stand-alone",
      "A feature never imports another: a route puts them together.",
      { path: "^src/features/([^/]+)/" },
      { path: "^src/features/([^/]+)/", pathNot: "^src/features/$1/" },
    ),
    error("api-is-the-ground", "", { path: "^src/api/" }, { path: "^src/(?!api/|strings/)" }),
    error("run-stands-on-api", "", { path: "^src/run/" }, { path: "^src/(?!run/|api/|strings/)" }),
    error("ui-stands-on-api", "", { path: "^src/ui/" }, { path: "^src/(?!ui/|api/|strings/)" }),
    error("features-below-routes", "", { path: "^src/features/" }, { path: "^src/(routes/|main)" }),
    error("strings-import-nothing", "", { path: "^src/strings/" }, { path: "^src/(?!strings/)" }),
    error(
      "the-reducer-is-pure",
      "No React, no fetch, no clock.",
      { path: "^src/run/(view|reduce|spans|rows)" },
      { path: "^node_modules" },
    ),
    error(
      "known-packages-only",
      "",
      { path: "^src" },
      {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown", "unknown", "undetermined"],
        pathNot: "^node_modules/(@types|vite)/",
      },
    ),
    error("no-orphans", "Dead code.", { orphan: true, pathNot: ["src/main", "src/boot", "\\.d\\.ts$"] }, {}),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
