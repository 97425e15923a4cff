#!/bin/sh
# The namespace and the search attributes. Safe to repeat.
set -eu

if ! temporal operator namespace describe --namespace sbh >/dev/null 2>&1; then
  temporal operator namespace create --namespace sbh --retention 168h
fi

# The list of workflows/src/search_attributes.rs; .ci/check_deploy.py compares the two.
known=$(temporal operator search-attribute list --namespace sbh)
for attribute in SbhTenant SbhConcern SbhVerdict SbhRepository; do
  case $known in
    *"$attribute"*) ;;
    *) temporal operator search-attribute create --namespace sbh --name "$attribute" --type Keyword ;;
  esac
done
